-- With what the store of this database's blobs is marked, so that another one is not taken for it.
create table store_mark (
  is_only boolean primary key default true check (is_only),
  id uuid not null,
  is_written boolean not null default false -- false: no store was marked with it yet
);
