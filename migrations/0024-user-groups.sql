-- Groups of users, as LDAP, an authenticating proxy or OpenID Connect know them. Who signs in through one of those
-- is in the groups that it named.
create table user_group (
  id bigint generated always as identity primary key,
  group_name text collate "C" not null,
  group_type smallint not null check (group_type between 1 and 3), -- 1 LDAP, 2 HTTP, 3 OIDC
  ldap_group_dn text collate "C" not null default '', -- in lower case
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (group_name, group_type)
);
create unique index user_group_ldap_dn on user_group (ldap_group_dn) where ldap_group_dn <> '';

create table user_group_member (
  user_id bigint not null references user_account on delete cascade,
  group_id bigint not null references user_group on delete cascade,
  primary key (user_id, group_id)
);
create index user_group_member_group on user_group_member (group_id);

-- A member is a user or a group.
alter table member
  alter column user_id drop not null,
  add column group_id bigint references user_group on delete cascade,
  add check (num_nonnulls(user_id, group_id) = 1);
create unique index member_group on member (group_id, project_id);

-- Who has which roles in a project, as a member or in a group that is one: a user may have several.
create view project_role as
  select project_id, user_id, role_id from member where user_id is not null
  union all
  select m.project_id, g.user_id, m.role_id from user_group_member g join member m on m.group_id = g.group_id;
