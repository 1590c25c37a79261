import { sql } from 'kysely';

import { digestToBytes, type Digest, type DigestAlgorithm } from '../../oci/digest.ts';
import type { Db } from '../../platform/db/connect.ts';
import type { Checkpoint, FinishedBytes } from '../../platform/storage/index.ts';
import type { RepositoryKey } from '../access/index.ts';
import type { WholeBlob } from '../artifacts/index.ts';

/** A writer that says nothing for this long has lost its place. */
export const LEASE_SECONDS = 30;
const leaseEnd = sql<Date>`now() + make_interval(secs => ${LEASE_SECONDS})`;

export interface Upload {
  id: string;
  repository_id: number;
  repository_name: string;
  algorithm: DigestAlgorithm;
  location: string;
  offset_bytes: number;
  /** What the store needs to go on behind them. */
  storage_state: string | null;
  fence: number;
  /** Somebody holds the lease, or held it and never gave it back. */
  is_leased: boolean;
  is_lease_over: boolean;
}

interface NewUpload {
  repository: RepositoryKey;
  owner: string;
  algorithm: DigestAlgorithm;
  location: string;
  /** Whoever begins it writes to it at once. */
  isClaimed: boolean;
}

/**
 * Begins an upload, in a repository that is made if it is not there; undefined when the project is gone.
 * Nobody waits for the disk unless it is claimed: claiming it waits.
 */
export async function beginUpload(
  db: Db,
  { repository: { projectId, name }, owner, algorithm, location, isClaimed }: NewUpload,
): Promise<Upload | undefined> {
  const { rows } = await sql<{ id: string; repository_id: number }>`
    select * from begin_upload(${projectId}, ${name}, ${owner}, ${algorithm}, ${location},
                               ${isClaimed ? LEASE_SECONDS : null})`.execute(db);
  const isNew = {
    offset_bytes: 0,
    storage_state: null,
    fence: isClaimed ? 1 : 0,
    is_leased: false,
    is_lease_over: false,
  };
  return rows[0] && { ...rows[0], repository_name: name, algorithm, location, ...isNew };
}

export interface UploadKey {
  id: string;
  owner: string;
  repository: RepositoryKey;
}

/** The upload, if it is in this repository and belongs to this owner. */
export async function findUpload(
  db: Db,
  { id, owner, repository }: UploadKey,
): Promise<Upload | undefined> {
  const { rows } = await sql<Upload>`
    select u.id, u.repository_id, r.name as repository_name, u.algorithm, u.location, u.offset_bytes, u.storage_state, u.fence,
           u.lease_until is not null as is_leased, coalesce(u.lease_until < now(), false) as is_lease_over
    from upload u join live_repository r on r.id = u.repository_id
    where u.id = ${id} and u.owner = ${owner}
      and r.project_id = ${repository.projectId} and r.name = ${repository.name}`.execute(db);
  return rows[0];
}

/**
 * Takes the right to write to the upload: `fence` rises, so whoever held it before can't commit any more.
 * Answers it as it was before, but for the fence; not claimed when somebody else writes to it, or when it
 * does not end at `start`.
 */
export async function claimUpload(
  db: Db,
  { id, owner, repository }: UploadKey,
  start: number | undefined,
): Promise<(Upload & { is_claimed: boolean }) | undefined> {
  const { projectId, name } = repository;
  const { rows } = await sql<Upload & { is_claimed: boolean }>`
    select ${id} as id, ${name} as repository_name, claimed.*
    from claim_upload(${id}, ${owner}, ${projectId}, ${name}, ${start ?? null}, ${LEASE_SECONDS}) claimed`.execute(
    db,
  );
  return rows[0];
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
    update upload set lease_until = ${leaseEnd}
    where id = ${id} and fence = ${fence} and lease_until is not null returning id`.execute(db);
  return rows.length > 0;
}

/** Records how far the durable bytes reach and gives the lease back. False: the lease was lost. */
export async function commitOffset(
  db: Db,
  { id, fence }: { id: string; fence: number },
  { sizeBytes, state }: Checkpoint,
): Promise<boolean> {
  const { rows } = await sql`
    update upload set offset_bytes = ${sizeBytes}, storage_state = ${state}, lease_until = null, updated_at = now()
    where id = ${id} and fence = ${fence} returning id`.execute(db);
  return rows.length > 0;
}

/** All bytes of a blob, durable and checked. */
export interface FinishedBlob extends FinishedBytes {
  digest: Digest;
}

export async function isUpload(db: Db, id: string): Promise<boolean> {
  const { rows } = await sql`select from upload where id = ${id}`.execute(db);
  return rows.length > 0;
}

/**
 * Ends an upload whose lease we hold: its durable bytes are a blob of the repository now, or one more copy of a
 * blob, which is listed for removal. Undefined: it was cancelled, its repository deleted, or the lease lost.
 */
export async function endUpload(
  db: Db,
  { id, fence }: { id: string; fence: number },
  { digest, location, sizeBytes, left }: FinishedBlob,
): Promise<{ isUsed: boolean } | undefined> {
  const { rows } = await sql<{ is_used: boolean | null }>`
    select end_upload(${id}, ${fence}, ${digestToBytes(digest)}, ${sizeBytes}, ${location}, ${left})
      as is_used`.execute(db);
  return toOutcome(rows[0]!.is_used);
}

/** Ends an upload without bytes with a whole blob. Undefined: it is not there, has bytes, or somebody writes to it. */
export async function putUpload(
  db: Db,
  { id, owner, repository: { projectId, name } }: UploadKey,
  { digest, sizeBytes, location }: WholeBlob,
): Promise<{ isUsed: boolean } | undefined> {
  const { rows } = await sql<{ is_used: boolean | null }>`
    select put_upload(${id}, ${owner}, ${projectId}, ${name}, ${digestToBytes(digest)}, ${sizeBytes}, ${location})
      as is_used`.execute(db);
  return toOutcome(rows[0]!.is_used);
}

const toOutcome = (isUsed: boolean | null) => (isUsed === null ? undefined : { isUsed });

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

/** Forgets uploads that nobody went on with for `ageSeconds`. Answers what they leave. */
export async function deleteAbandonedUploads(
  db: Db,
  { ageSeconds, limit }: { ageSeconds: number; limit: number },
): Promise<LeftBytes[]> {
  const { rows } = await sql<LeftBytes>`
    delete from upload where id in (
      select id from upload
      where updated_at < now() - make_interval(secs => ${ageSeconds}) and coalesce(lease_until < now(), true)
      order by updated_at limit ${limit} for update skip locked
    )
    returning location, offset_bytes as size_bytes, lease_until is not null as is_leased`.execute(
    db,
  );
  return rows;
}
