import { sql } from 'kysely';

import type { DigestAlgorithm } from '../../oci/digest.ts';
import type { Db } from '../../platform/db/connect.ts';
import type { RepositoryKey } from '../artifacts/index.ts';

/** A writer that says nothing for this long has lost its place. */
export const LEASE_SECONDS = 30;

export interface Upload {
  id: string;
  repository_id: number;
  repository_name: string;
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
  { repository_name, ...row }: NewUpload,
): Promise<Upload> {
  const { id } = await db
    .insertInto('upload')
    .values(row)
    .returning('id')
    .executeTakeFirstOrThrow();
  const isNew = { offset_bytes: 0, fence: 0, is_leased: false, is_lease_over: false };
  return { ...row, ...isNew, id, repository_name };
}

type NewUpload = Pick<Upload, 'repository_id' | 'repository_name' | 'algorithm' | 'location'> & {
  owner: string;
};

/** The upload, if it is in this repository and belongs to this owner. */
export async function findUpload(
  db: Db,
  { id, owner, repository }: { id: string; owner: string; repository: RepositoryKey },
): Promise<Upload | undefined> {
  const { rows } = await sql<Upload>`
    select u.id, u.repository_id, r.name as repository_name, u.algorithm, u.location, u.offset_bytes, u.fence,
           u.lease_until is not null as is_leased, coalesce(u.lease_until < now(), false) as is_lease_over
    from upload u join live_repository r on r.id = u.repository_id
    where u.id = ${id} and u.owner = ${owner}
      and r.project_id = ${repository.projectId} and r.name = ${repository.name}`.execute(db);
  return rows[0];
}

/**
 * Takes the right to write: `fence` rises, so whoever held it before can't commit any more. False: somebody
 * else was quicker.
 */
export async function claimUpload(db: Db, { id, fence, offset_bytes }: Upload): Promise<boolean> {
  const { rows } = await sql`
    update upload set fence = fence + 1,
      lease_until = now() + make_interval(secs => ${LEASE_SECONDS})
    where id = ${id} and fence = ${fence} and offset_bytes = ${offset_bytes}
      and (lease_until is null or lease_until < now())
    returning id`.execute(db);
  return rows.length > 0;
}

/** Says where the bytes are from now on. False: the lease was lost. */
export async function moveUpload(
  db: Db,
  { id, fence }: { id: string; fence: number },
  location: string,
): Promise<boolean> {
  const { rows } = await sql`
    update upload set location = ${location} where id = ${id} and fence = ${fence}
    returning id`.execute(db);
  return rows.length > 0;
}

/** Answers whether the lease is still ours. One that was given back meanwhile is not taken again. */
export async function renewLease(db: Db, id: string, fence: number): Promise<boolean> {
  const { rows } = await sql`
    update upload set lease_until = now() + make_interval(secs => ${LEASE_SECONDS})
    where id = ${id} and fence = ${fence} and lease_until is not null returning id`.execute(db);
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

/** Ends an upload whose lease we hold. False: it was cancelled, its repository deleted, or the lease lost. */
export async function endUpload(
  db: Db,
  { id, fence }: { id: string; fence: number },
): Promise<boolean> {
  const { rows } = await sql`
    delete from upload u using live_repository r
    where r.id = u.repository_id and u.id = ${id} and u.fence = ${fence}
    returning u.id`.execute(db);
  return rows.length > 0;
}

export interface LeftBytes {
  location: string;
  size_bytes: number;
  /** Whoever holds the lease may still write to them. */
  is_leased: boolean;
}

/** Forgets an upload. Answers what it leaves; undefined when it is gone, or a given fence is not its own. */
export async function deleteUpload(
  db: Db,
  id: string,
  fence: number | undefined,
): Promise<LeftBytes | undefined> {
  const { rows } = await sql<LeftBytes>`
    delete from upload where id = ${id} and fence = coalesce(${fence ?? null}, fence)
    returning location, offset_bytes as size_bytes, lease_until is not null as is_leased`.execute(
    db,
  );
  return rows[0];
}
