-- Keys that sign bearer tokens. The newest signs; all that are not expired verify.
create table signing_key (
  kid text collate "C" primary key,
  public_jwk jsonb not null,
  private_key bytea not null, -- PKCS #8, encrypted with the secret key of the configuration
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);

-- What a client keeps instead of a password (OAuth 2 refresh token). Only a hash is stored.
create table refresh_token (
  token_hash bytea primary key,
  user_id bigint not null references user_account on delete cascade,
  client_id text not null,
  password_changed_at timestamptz(3) not null, -- the user's, as it was: worthless after the next change
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create index refresh_token_user on refresh_token (user_id);
create index refresh_token_expires_at on refresh_token (expires_at);
