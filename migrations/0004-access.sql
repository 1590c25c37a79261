-- Who has which role in a project: 1 project admin, 2 developer, 3 guest, 4 maintainer, 5 limited guest.
create table member (
  id bigint generated always as identity primary key,
  project_id bigint not null references project on delete cascade,
  user_id bigint not null references user_account on delete cascade,
  role_id smallint not null check (role_id between 1 and 5),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (project_id, user_id)
);
create index member_user on member (user_id);

insert into member (project_id, user_id, role_id) select id, owner_id, 1 from project where name = 'library';
