import { sql } from 'kysely';

import type { BatchedStatement } from '../../../platform/db/batched-query.ts';
import type { Db } from '../../../platform/db/connect.ts';
import type { Lookups } from '../../../platform/db/lookups.ts';

/** Of one user: each browser makes one, and nobody says when it is not needed any more. */
const MAX_SESSIONS = 100;

interface SessionKey {
  tokenHash: Buffer;
  /** How long a session lives that is not used. */
  minutes: number;
}

export interface OpenSession {
  session_id: number;
  user_id: number;
  username: string;
  is_sysadmin: boolean;
  password_changed_at: Date;
  /** Whether it should be written down that it is used: once in a minute, or in a tenth of its life. */
  is_due: boolean;
}

const FIND_SESSION: BatchedStatement<SessionKey> = {
  name: 'session',
  text: `select wanted.position::int as position,
      s.id as session_id, u.id as user_id, u.username, u.is_sysadmin, u.password_changed_at,
      s.used_at < now() - least(wanted.minutes / 10, 1) * interval '1 minute' as is_due
    from unnest($1::bytea[], $2::float8[]) with ordinality as wanted (token_hash, minutes, position)
    join session s on s.token_hash = wanted.token_hash and s.used_at + wanted.minutes * interval '1 minute' > now()
    join user_account u on u.id = s.user_id and u.deleted_at is null and u.password_changed_at = s.password_changed_at`,
  toColumns: (keys) => [keys.map(({ tokenHash }) => tokenHash), keys.map(({ minutes }) => minutes)],
};

/** The session with this cookie, and whose it is, unless its time is over. */
export async function findOpenSession(
  lookups: Lookups,
  key: SessionKey,
): Promise<OpenSession | undefined> {
  return lookups.batch<SessionKey, OpenSession>(FIND_SESSION)(key);
}

/** Its time begins anew. */
export async function renewSession(db: Db, id: number): Promise<void> {
  await db
    .updateTable('session')
    .set({ used_at: sql`now()` })
    .where('id', '=', id)
    .execute();
}

interface NewSession {
  token_hash: Buffer;
  user_id: number;
  password_changed_at: Date;
  address: string;
  client: string;
}

/** Begins a session. Those whose time is over go, and the longest unused of a user who has too many. */
export async function insertSession(
  db: Db,
  session: NewSession,
  { minutes }: Pick<SessionKey, 'minutes'>,
): Promise<void> {
  // PostgreSQL knows no time before 4713 BC.
  const longest = Math.min(minutes, 1_000_000_000);
  await sql`delete from session
    where used_at < now() - ${longest}::float8 * interval '1 minute' or id in (
      select id from session where user_id = ${session.user_id}
      order by used_at desc offset ${MAX_SESSIONS - 1})`.execute(db);
  await db.insertInto('session').values(session).execute();
}

export interface Session {
  id: number;
  address: string;
  client: string;
  created_at: Date;
  used_at: Date;
}

/** The sessions of a user that are not over, the last used first. */
export async function listSessions(
  db: Db,
  userId: number,
  { minutes }: Pick<SessionKey, 'minutes'>,
): Promise<Session[]> {
  const { rows } = await sql<Session>`
    select s.id, s.address, s.client, s.created_at, s.used_at
    from session s join user_account u on u.id = s.user_id and u.password_changed_at = s.password_changed_at
    where s.user_id = ${userId} and s.used_at + ${minutes}::float8 * interval '1 minute' > now()
    order by s.used_at desc, s.id desc`.execute(db);
  return rows;
}

/** Ends a session, if the user has it. */
export async function deleteSession(db: Db, userId: number, id: number): Promise<void> {
  await db.deleteFrom('session').where('user_id', '=', userId).where('id', '=', id).execute();
}

/** Ends all sessions of a user, but for one. That one outlives a change of the password that it has made. */
export async function deleteSessions(
  db: Db,
  userId: number,
  { exceptId }: { exceptId?: number | undefined } = {},
): Promise<void> {
  await sql`delete from session
    where user_id = ${userId} and id is distinct from ${exceptId ?? null}`.execute(db);
  await sql`update session s set password_changed_at = u.password_changed_at from user_account u
    where s.user_id = ${userId} and s.id = ${exceptId ?? null} and u.id = s.user_id`.execute(db);
}
