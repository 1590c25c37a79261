-- A blob on its way in. One request at a time may add bytes: whoever raised `fence` last and holds the
-- lease. `location` is the key of its bytes in the store.
create table upload (
  id uuid primary key default gen_random_uuid(),
  repository_id bigint not null references repository on delete cascade,
  owner text not null,
  algorithm text not null,
  location text collate "C" not null,
  offset_bytes bigint not null default 0,
  fence integer not null default 0,
  lease_until timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index upload_repository on upload (repository_id);
create index upload_updated_at on upload (updated_at);
