-- People who sign in. A deleted account keeps its row, so that history can still name it.
create table user_account (
  id bigint generated always as identity primary key,
  username text collate "C" not null,
  email text,
  realname text not null default '',
  comment text not null default '',
  password_hash text, -- argon2id in PHC form; null: nobody can sign in with a password
  password_changed_at timestamptz(3) not null default now(), -- what was issued at another is worthless
  is_sysadmin boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz
);
-- Names that differ only by case would let one person pass for another.
create unique index user_account_live_username on user_account (lower(username)) where deleted_at is null;
create unique index user_account_live_email on user_account (lower(email)) where deleted_at is null;

-- Harbor's built-in administrator has the id 1. The server gives it a password at its first start.
insert into user_account (username, email, realname, comment, is_sysadmin)
values ('admin', 'admin@example.com', 'system admin', 'admin user', true);

-- Failed sign-ins by account and by address: each further one makes the next wait longer.
create unlogged table sign_in_failure (
  subject text collate "C" primary key,
  failures integer not null,
  failed_at timestamptz not null,
  blocked_until timestamptz not null
);
create index sign_in_failure_failed_at on sign_in_failure (failed_at);
