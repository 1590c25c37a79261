-- Something encrypted with the secret key of the configuration, left by the first node that started: whoever
-- can't decrypt it has another key.
create table secret_check (
  is_only boolean primary key default true check (is_only),
  sealed bytea not null
);
