import { sql } from 'kysely';

import type { Db } from '../../../platform/db/connect.ts';
import { inTransaction } from '../../../platform/db/transaction.ts';

/** Manifests that went with these deletions, or are in these deleted projects: up to `limit`. */
export async function listPurgeable(
  tx: Db,
  {
    deletionIds,
    projectIds,
    limit,
  }: { deletionIds: string[]; projectIds: number[]; limit: number },
): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    (select id from manifest where deletion_id = any (${deletionIds}::uuid[]) limit ${limit})
    union
    (select m.id from repository r join manifest m on m.repository_id = r.id
    where r.project_id = any (${projectIds}::bigint[]) limit ${limit})
    limit ${limit}`.execute(tx);
  return rows.map(({ id }) => id);
}

/**
 * Removes manifests that are in the trash for good: their blobs are for the collector to look at. Answers the
 * deletions of the tags that went with them.
 */
export async function purgeManifests(tx: Db, ids: number[]): Promise<string[]> {
  // In the order of blob ids, as the collector goes: so they can't wait for each other.
  await sql`
    insert into blob_candidate (blob_id, check_after)
    select blob_id, now() from manifest_blob where manifest_id = any (${ids}::bigint[])
    group by blob_id order by blob_id
    on conflict (blob_id) do update set check_after = least(blob_candidate.check_after, excluded.check_after)`.execute(
    tx,
  );
  // Tags that were deleted before their manifest, which was pushed again since: they point to that one now.
  await sql`
    update tag t set manifest_id = live.id
    from manifest m join live_manifest live on live.repository_id = m.repository_id and live.digest = m.digest
    where m.id = any (${ids}::bigint[]) and m.deleted_at is not null
      and t.manifest_id = m.id and t.deletion_id is distinct from m.deletion_id`.execute(tx);
  const { rows } = await sql<{ deletion_id: string }>`
    delete from tag where manifest_id = any (${ids}::bigint[]) returning deletion_id`.execute(tx);
  // Their projects in one order, so that two who purge can't wait for each other.
  await sql`
    with gone as (
      delete from manifest where id = any (${ids}::bigint[]) returning project_id, size_bytes
    )
    select refund_project(lost.project_id, lost.bytes)
    from (
      select project_id, sum(size_bytes)::bigint as bytes from gone group by project_id order by project_id
    ) lost`.execute(tx);
  return rows.map(({ deletion_id }) => deletion_id);
}

/** Removes tags that went with these deletions. */
export async function purgeTags(tx: Db, deletionIds: string[]): Promise<void> {
  await sql`delete from tag where deletion_id = any (${deletionIds}::uuid[])`.execute(tx);
}

/** Says of the repositories of purged projects that they are gone, so that they are removed. */
export async function retireRepositories(tx: Db, projectIds: number[]): Promise<void> {
  await sql`update repository set deleted_at = now()
    where project_id = any (${projectIds}::bigint[]) and deleted_at is null`.execute(tx);
}

/**
 * Removes up to `limit` deleted repositories that nothing refers to any more, once no request can be under way
 * that found them before they were deleted. Answers how many.
 */
export async function removeEmptyRepositories(db: Db, limit: number): Promise<number> {
  const isUnused = sql`
    r.deleted_at < now() - interval '10 minutes'
    and not exists (select from deletion d where d.repository_id = r.id)
    and not exists (select from manifest m where m.repository_id = r.id)
    and not exists (select from repository_blob rb where rb.repository_id = r.id)
    and not exists (select from upload u where u.repository_id = r.id)`;
  return inTransaction(db, async (tx) => {
    const { rows } = await sql<{ id: number }>`
      select r.id from repository r where ${isUnused} order by r.id limit ${limit} for update skip locked`.execute(
      tx,
    );
    const ids = rows.map(({ id }) => id);
    // A second statement, so that it sees what came before the lock.
    await sql`delete from repository r where r.id = any (${ids}::bigint[]) and ${isUnused}`.execute(
      tx,
    );
    return ids.length;
  });
}
