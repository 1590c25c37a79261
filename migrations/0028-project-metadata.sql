-- What Harbor's API calls the metadata of a project, where it is no column: by key, as texts.
alter table project
  add metadata jsonb not null default '{}',
  add is_read_only boolean not null default false; -- what is stored in it can't be changed
create or replace view live_project as
  select id, name, owner_id, is_public, created_at, updated_at, trash_days, metadata, is_read_only
  from project where deleted_at is null;

-- Vulnerabilities that don't keep an image from being pulled: in one project, or everywhere (no project).
create table cve_allowlist (
  id bigint generated always as identity primary key,
  project_id bigint references project on delete cascade,
  cve_ids text[] not null default '{}',
  expires_at timestamptz, -- since then it counts no more
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique nulls not distinct (project_id)
);
insert into cve_allowlist default values;
