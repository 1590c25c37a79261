create table project (
  id bigint generated always as identity primary key,
  name text collate "C" not null,
  owner_id bigint not null references user_account,
  is_public boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  deletion_id uuid
);
create unique index project_live_name on project (name) where deleted_at is null;
create view live_project as
  select id, name, owner_id, is_public, created_at, updated_at from project where deleted_at is null;

insert into project (name, owner_id, is_public)
select 'library', id, true from user_account where username = 'admin';
