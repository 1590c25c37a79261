-- Who is signed in with a browser. Its cookie holds a random text, the row a hash of it.
create table session (
  id bigint generated always as identity primary key, -- how people name it: it opens nothing
  token_hash bytea not null unique,
  user_id bigint not null references user_account on delete cascade,
  password_changed_at timestamptz(3) not null, -- the user's, as it was: worthless after the next change
  address text not null,
  client text not null, -- the browser, as it calls itself
  created_at timestamptz not null default now(),
  used_at timestamptz not null default now() -- a minute ago at most, while it is used
);
create index session_owner on session (user_id, used_at);
create index session_used_at on session (used_at);
