import { sql } from 'kysely';

import { Refusal } from '../../lib/errors.ts';
import type { Db } from '../../platform/db/connect.ts';
import { inTransaction } from '../../platform/db/transaction.ts';

/** Any fixed number: what whoever removes something shares, and whoever takes a hold has alone. */
const LOCK = sql.lit(7_623_002);

const isLive = sql`(hold.expires_at is null or hold.expires_at > now())`;
const secondsFromNow = (seconds: number | undefined) =>
  seconds === undefined ? sql`null` : sql`now() + make_interval(secs => ${seconds})`;

/** Why nothing is removed now. */
export interface CollectionHold {
  name: string;
  /** What a person reads. */
  reason: string;
  since: Date;
  /** Null: it lasts until it is released. */
  expires_at: Date | null;
}

export interface NewHold {
  /** Small letters, digits and dashes. Metrics show it, so there should be few of them. */
  name: string;
  reason: string;
  /** For whoever may die: it has to be renewed before. Left out: it lasts until it is released. */
  expiresInSeconds?: number;
}

/**
 * From its return until the hold ends no collector and no reaper, on any node, removes anything: one that is at it is
 * waited for. Refuses when there is such a hold already.
 */
export async function takeHold(db: Db, { name, reason, expiresInSeconds }: NewHold): Promise<void> {
  await inTransaction(db, async (tx) => {
    // To remove bytes may take longer than a statement may.
    await sql`set local statement_timeout = 0`.execute(tx);
    await sql`select pg_advisory_xact_lock(${LOCK})`.execute(tx);
    const { rows } = await sql`
      insert into collection_hold as hold (name, reason, expires_at)
      values (${name}, ${reason}, ${secondsFromNow(expiresInSeconds)})
      on conflict (name) do update
        set reason = excluded.reason, since = excluded.since, expires_at = excluded.expires_at
        where not ${isLive}
      returning name`.execute(tx);
    if (rows.length > 0) return;
    throw new Refusal('CONFLICT', `garbage collection is held by ${name} already`);
  });
}

/** Lets a hold last so much longer from now on. False: it ended, and things may have been removed since. */
export async function renewHold(
  db: Db,
  { name, expiresInSeconds }: { name: string; expiresInSeconds: number },
): Promise<boolean> {
  const { rows } = await sql`
    update collection_hold as hold set expires_at = ${secondsFromNow(expiresInSeconds)}
    where name = ${name} and ${isLive} returning name`.execute(db);
  return rows.length > 0;
}

/** Ends a hold. False: there is none of this name. */
export async function releaseHold(db: Db, name: string): Promise<boolean> {
  const { rows } = await sql`
    delete from collection_hold where name = ${name} returning name`.execute(db);
  return rows.length > 0;
}

/** The holds that have not expired, the oldest first. */
export async function listHolds(db: Db): Promise<CollectionHold[]> {
  const { rows } = await sql<CollectionHold>`
    select name, reason, since, expires_at from collection_hold as hold where ${isLive}
    order by since, name`.execute(db);
  return rows;
}

/**
 * Does `work`, which removes something, unless there is a hold: undefined then. Whoever takes one waits until it is
 * done. It uses the connection that it is given, and no other.
 */
export async function unlessHeld<T>(
  db: Db,
  work: (connection: Db) => Promise<T>,
): Promise<T | undefined> {
  return db.connection().execute(async (connection) => {
    // Not waited for: whoever is in the way is taking a hold.
    const { rows } = await sql<{ is_ours: boolean }>`
      select pg_try_advisory_lock_shared(${LOCK}) as is_ours`.execute(connection);
    if (!rows[0]!.is_ours) return undefined;
    try {
      // A statement of its own, so that it sees the holds that were taken before the lock was ours.
      const holds = await listHolds(connection);
      return holds.length > 0 ? undefined : await work(connection);
    } finally {
      await sql`select pg_advisory_unlock_shared(${LOCK})`.execute(connection);
    }
  });
}
