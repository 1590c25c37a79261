-- What an administrator changes while it runs. Only what somebody has set has a row.
create table setting (
  name text collate "C" primary key,
  value jsonb,
  sealed bytea, -- instead of a value: encrypted with the secret key of the configuration
  updated_at timestamptz not null default now(),
  check (num_nonnulls(value, sealed) = 1)
);
