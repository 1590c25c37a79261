-- Which registry this is, wherever its database goes: a folder of backups takes those of one registry only.
create table registry_identity (
  is_only boolean primary key default true check (is_only),
  id uuid not null default gen_random_uuid()
);
insert into registry_identity default values;

-- A restore that has brought the rows, and not all bytes yet. No server starts on it.
create table unfinished_restore (
  is_only boolean primary key default true check (is_only),
  backup text not null, -- its name
  folder text not null,
  started_at timestamptz not null default now()
);

-- Blobs whose bytes it has not brought yet.
create table unrestored_blob (
  blob_id bigint primary key references blob on delete cascade
);
