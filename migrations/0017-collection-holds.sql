-- Why the collector and the reaper must remove nothing now: a backup that is being taken, a restore that nobody
-- has checked yet.
create table collection_hold (
  name text collate "C" primary key check (name ~ '^[a-z][a-z0-9-]{0,63}$'),
  reason text not null,
  since timestamptz not null default now(),
  expires_at timestamptz -- whoever took it renews it before; null: it lasts until it is released
);
