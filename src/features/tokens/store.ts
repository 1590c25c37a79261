import { sql } from 'kysely';

import type { BatchedStatement } from '../../platform/db/batched-query.ts';
import type { Db } from '../../platform/db/connect.ts';
import type { Lookups } from '../../platform/db/lookups.ts';

export interface NewestKey {
  kid: string;
  private_key: Buffer;
  /** Whether its time to sign is over. PostgreSQL's clock says it for all nodes. */
  is_due: boolean;
}

const NEWEST_KEY: BatchedStatement<number> = {
  name: 'newest_key',
  text: `select wanted.position::int as position, k.kid, k.private_key,
      k.created_at <= now() - make_interval(secs => wanted.lifetime) as is_due
    from unnest($1::int[]) with ordinality as wanted (lifetime, position)
    cross join lateral (
      select * from signing_key where expires_at > now() order by created_at desc, kid limit 1
    ) k`,
  toColumns: (lifetimes) => [lifetimes],
};

/** The newest key that verifies; it is due when it is older than `lifetimeSeconds`. */
export async function findNewestKey(
  lookups: Lookups,
  lifetimeSeconds: number,
): Promise<NewestKey | undefined> {
  return lookups.batch<number, NewestKey>(NEWEST_KEY)(lifetimeSeconds);
}

const PUBLIC_KEY: BatchedStatement<string> = {
  name: 'public_key',
  text: `select wanted.position::int as position, k.public_jwk
    from unnest($1::text[]) with ordinality as wanted (kid, position)
    join signing_key k on k.kid = wanted.kid and k.expires_at > now()`,
  toColumns: (kids) => [kids],
};

/** The public part of a key that verifies. */
export async function findPublicKey(lookups: Lookups, kid: string): Promise<object | undefined> {
  if (kid.includes('\0')) return undefined; // no text of PostgreSQL holds it
  const row = await lookups.batch<string, { public_jwk: object }>(PUBLIC_KEY)(kid);
  return row?.public_jwk;
}

/** The private part, sealed, of the newest key that verifies. */
export async function findNewestPrivateKey(db: Db): Promise<Buffer | undefined> {
  const row = await db
    .selectFrom('signing_key')
    .select('private_key')
    .where('expires_at', '>', sql<Date>`now()`)
    .orderBy('created_at', 'desc')
    .executeTakeFirst();
  return row?.private_key;
}

/** What the first node sealed; `sealed` if this is the first. */
export async function keepSecretCheck(db: Db, sealed: Buffer): Promise<Buffer> {
  await sql`insert into secret_check (sealed) values (${sealed}) on conflict do nothing`.execute(
    db,
  );
  const row = await db.selectFrom('secret_check').select('sealed').executeTakeFirstOrThrow();
  return row.sealed;
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

/** Ends all bearer tokens; the next one that is asked for makes a new key, and another secret key may seal it. */
export async function deleteSigningKeys(db: Db): Promise<void> {
  await sql`with keys as (delete from signing_key) delete from secret_check`.execute(db);
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
