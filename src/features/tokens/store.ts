import { sql } from 'kysely';

import type { Db } from '../../platform/db/connect.ts';

export interface SigningKeyRow {
  kid: string;
  public_jwk: unknown;
  private_key: Buffer;
  created_at: Date;
  expires_at: Date;
}

/** Keys that still verify, the newest first. */
export async function listSigningKeys(db: Db): Promise<SigningKeyRow[]> {
  return db
    .selectFrom('signing_key')
    .selectAll()
    .where('expires_at', '>', sql<Date>`now()`)
    .orderBy('created_at', 'desc')
    .orderBy('kid')
    .execute();
}

/**
 * Adds a key unless there is one younger than `lifetimeSeconds`; nodes that try at once add one. It
 * verifies for `overlapSeconds` after a newer key has taken over. Expired keys go.
 */
export async function addSigningKey(
  db: Db,
  key: { kid: string; public_jwk: unknown; private_key: Buffer },
  { lifetimeSeconds, overlapSeconds }: { lifetimeSeconds: number; overlapSeconds: number },
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await sql`lock table signing_key in share row exclusive mode`.execute(tx);
    await sql`delete from signing_key where expires_at < now()`.execute(tx);
    await sql`
      insert into signing_key (kid, public_jwk, private_key, expires_at)
      select ${key.kid}, ${JSON.stringify(key.public_jwk)}::jsonb, ${key.private_key},
             now() + make_interval(secs => ${lifetimeSeconds + overlapSeconds})
      where not exists (
        select from signing_key where created_at > now() - make_interval(secs => ${lifetimeSeconds})
      )`.execute(tx);
  });
}

/** Ends all bearer tokens; the next one that is asked for makes a new key. */
export async function deleteSigningKeys(db: Db): Promise<void> {
  await db.deleteFrom('signing_key').execute();
}

/** Of one user: each sign-in makes one, and nobody says when it is not needed any more. */
const MAX_REFRESH_TOKENS = 100;

/** Adds a refresh token. Expired ones go, and the oldest of a user who has too many. */
export async function insertRefreshToken(
  db: Db,
  token: {
    token_hash: Buffer;
    user_id: number;
    client_id: string;
    password_changed_at: Date;
    lifetimeDays: number;
  },
): Promise<void> {
  await sql`
    with surplus as (
      delete from refresh_token where expires_at < now() or token_hash in (
        select token_hash from refresh_token where user_id = ${token.user_id}
        order by created_at desc offset ${MAX_REFRESH_TOKENS - 1})
    )
    insert into refresh_token (token_hash, user_id, client_id, password_changed_at, expires_at)
    values (${token.token_hash}, ${token.user_id}, ${token.client_id}, ${token.password_changed_at},
            now() + make_interval(days => ${token.lifetimeDays}))`.execute(db);
}

export interface RefreshTokenOwner {
  id: number;
  username: string;
  is_sysadmin: boolean;
  password_changed_at: Date;
}

/** The owner of a refresh token that is valid and was made with the password the owner still has. */
export async function findRefreshTokenOwner(
  db: Db,
  tokenHash: Buffer,
): Promise<RefreshTokenOwner | undefined> {
  const { rows } = await sql<RefreshTokenOwner>`
    select u.id, u.username, u.is_sysadmin, u.password_changed_at
    from refresh_token t join user_account u on u.id = t.user_id
    where t.token_hash = ${tokenHash} and t.expires_at > now()
      and u.deleted_at is null and t.password_changed_at = u.password_changed_at`.execute(db);
  return rows[0];
}
