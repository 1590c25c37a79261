import { sql } from 'kysely';

import type { Db } from '../../../platform/db/connect.ts';
import { retryConflicts } from '../../../platform/db/transaction.ts';

export interface Collected {
  /** Candidates that were looked at; the rest is in use at this moment. */
  lookedAt: number;
  /** Blobs that nothing referred to: their rows are gone, their bytes listed for removal. */
  blobs: number;
  bytes: number;
}

/** Takes up to `limit` candidates whose time has come, in one transaction. */
export async function collectBlobs(
  db: Db,
  {
    graceSeconds,
    holdSeconds,
    limit,
  }: { graceSeconds: number; holdSeconds: number; limit: number },
): Promise<Collected> {
  const statement = sql<{ looked_at: number; blobs: number; bytes: number }>`
    select looked_at, blobs, bytes from collect_blobs(
      make_interval(secs => ${graceSeconds}), make_interval(secs => ${holdSeconds}), ${limit})`;
  const { rows } = await retryConflicts(() => statement.execute(db));
  const { looked_at, ...collected } = rows[0]!;
  return { lookedAt: looked_at, ...collected };
}

export interface DueDeletion {
  location: string;
  size_bytes: number;
}

/** Takes bytes whose time has come off the others' way for ten minutes: until then nobody else tries. */
export async function claimBlobDeletions(db: Db, limit: number): Promise<DueDeletion[]> {
  const { rows } = await sql<DueDeletion>`
    update blob_deletion set not_before = now() + interval '10 minutes', attempts = attempts + 1
    where location in (
      select location from blob_deletion where not_before <= now() order by not_before limit ${limit}
      for update skip locked
    )
    returning location, size_bytes`.execute(db);
  return rows;
}

/** The bytes are gone. */
export async function finishBlobDeletions(db: Db, locations: string[]): Promise<void> {
  await sql`delete from blob_deletion where location = any (${locations})`.execute(db);
}

/** Puts a removal off that failed: a minute, then twice as long each time, up to a day. */
export async function postponeBlobDeletion(
  db: Db,
  { location, error }: { location: string; error: string },
): Promise<void> {
  await sql`
    update blob_deletion set last_error = ${error},
      not_before = now() + least(interval '1 minute' * 2 ^ least(attempts - 1, 12), interval '1 day')
    where location = ${location}`.execute(db);
}

/** What the collector and the reaper have before them, and what holds it up. */
export interface Reclaimable {
  /** Blobs that nothing refers to and whose grace period is over. */
  blobs: number;
  bytes: number;
  /** Blobs that nothing refers to yet: they were pushed or asked for a short while ago. */
  young_blobs: number;
  young_bytes: number;
  /** Bytes that are no blob any more and wait for their removal. */
  waiting: number;
  waiting_bytes: number;
  /** Removals that failed at least once, and the last reason. */
  failed: number;
  last_error: string | null;
  /** How long the candidate that is due for the longest time has been so; null when there is none. */
  oldest_candidate_seconds: number | null;
}

export async function findReclaimable(db: Db, graceSeconds: number): Promise<Reclaimable> {
  const { rows } = await sql<Reclaimable>`
    with candidate as (
      select b.size_bytes,
        exists (select from repository_blob rb where rb.blob_id = b.id
          and rb.touched_at > now() - make_interval(secs => ${graceSeconds})) as is_young
      from blob_candidate c join blob b on b.id = c.blob_id
      where not exists (select from manifest_blob mb where mb.blob_id = b.id)
    )
    select
      count(*) filter (where not is_young) as blobs,
      coalesce(sum(size_bytes) filter (where not is_young), 0)::bigint as bytes,
      count(*) filter (where is_young) as young_blobs,
      coalesce(sum(size_bytes) filter (where is_young), 0)::bigint as young_bytes,
      waiting.count as waiting, waiting.bytes as waiting_bytes, waiting.failed, waiting.last_error,
      (select extract(epoch from now() - min(check_after))::float8 from blob_candidate
        where check_after <= now()) as oldest_candidate_seconds
    from (
      select count(*) as count, coalesce(sum(size_bytes), 0)::bigint as bytes,
        count(*) filter (where last_error is not null) as failed, max(last_error) as last_error
      from blob_deletion
    ) waiting left join candidate on true
    group by waiting.count, waiting.bytes, waiting.failed, waiting.last_error`.execute(db);
  return rows[0]!;
}
