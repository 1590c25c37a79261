import { sql } from 'kysely';

import type { DigestAlgorithm } from '../../oci/digest.ts';
import type { Db } from '../../platform/db/connect.ts';
import type { RepositoryKey } from '../artifacts/index.ts';

/** A writer that says nothing for this long has lost its place. */
export const LEASE_SECONDS = 30;

export interface Upload {
  id: string;
  repository_id: number;
  algorithm: DigestAlgorithm;
  location: string;
  offset_bytes: number;
  fence: number;
  /** Somebody holds the lease, or held it and never gave it back. */
  is_leased: boolean;
  is_lease_over: boolean;
}

export async function insertUpload(
  db: Db,
  upload: { repository_id: number; owner: string; algorithm: DigestAlgorithm; location: string },
): Promise<Upload> {
  const { id } = await db
    .insertInto('upload')
    .values(upload)
    .returning('id')
    .executeTakeFirstOrThrow();
  return { ...upload, id, offset_bytes: 0, fence: 0, is_leased: false, is_lease_over: false };
}

/** The upload, if it is in this repository and belongs to this owner. */
export async function findUpload(
  db: Db,
  { id, owner, repository }: { id: string; owner: string; repository: RepositoryKey },
): Promise<Upload | undefined> {
  const { rows } = await sql<Upload>`
    select u.id, u.repository_id, u.algorithm, u.location, u.offset_bytes, u.fence,
           u.lease_until is not null as is_leased, coalesce(u.lease_until < now(), false) as is_lease_over
    from upload u join live_repository r on r.id = u.repository_id
    where u.id = ${id} and u.owner = ${owner}
      and r.project_id = ${repository.projectId} and r.name = ${repository.name}`.execute(db);
  return rows[0];
}

/**
 * Takes the right to write: `fence` rises, so whoever held it before can't commit any more. False: somebody
 * else was quicker. `location` differs when what an earlier writer may still write to is left behind.
 */
export async function claimUpload(
  db: Db,
  { id, fence, offset_bytes }: Upload,
  location: string,
): Promise<boolean> {
  const { rows } = await sql`
    update upload set fence = fence + 1, location = ${location},
      lease_until = now() + make_interval(secs => ${LEASE_SECONDS})
    where id = ${id} and fence = ${fence} and offset_bytes = ${offset_bytes}
      and (lease_until is null or lease_until < now())
    returning id`.execute(db);
  return rows.length > 0;
}

/** Answers whether the lease is still ours. */
export async function renewLease(db: Db, id: string, fence: number): Promise<boolean> {
  const { rows } = await sql`
    update upload set lease_until = now() + make_interval(secs => ${LEASE_SECONDS})
    where id = ${id} and fence = ${fence} returning id`.execute(db);
  return rows.length > 0;
}

/** Records how far the durable bytes reach and gives the lease back. False: the lease was lost. */
export async function commitOffset(
  db: Db,
  { id, fence }: { id: string; fence: number },
  offsetBytes: number,
): Promise<boolean> {
  const { rows } = await sql`
    update upload set offset_bytes = ${offsetBytes}, lease_until = null, updated_at = now()
    where id = ${id} and fence = ${fence} returning id`.execute(db);
  return rows.length > 0;
}

/** False: it is gone, or somebody else writes to it by now. */
export async function deleteUpload(
  db: Db,
  { id, fence }: { id: string; fence: number },
): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('upload')
    .where('id', '=', id)
    .where('fence', '=', fence)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}
