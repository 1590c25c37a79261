import { sql, type RawBuilder } from 'kysely';

import { Refusal } from '../../../lib/errors.ts';
import { digestToBytes, type Digest } from '../../../oci/digest.ts';
import type { Db } from '../../../platform/db/connect.ts';
import { isForeignKeyViolation } from '../../../platform/db/errors.ts';
import { inTransaction } from '../../../platform/db/transaction.ts';
import type { RepositoryKey } from '../../access/index.ts';
import { lockRepository } from './repositories.ts';

/**
 * Starts the grace period of a blob anew: a client that asks for it relies on it being there for the
 * manifest to come. False: it is gone, the collector was quicker.
 */
export async function touchBlob(
  db: Db,
  { id, repositoryId }: { id: number; repositoryId: number },
): Promise<boolean> {
  const { rows } = await sql<{
    is_there: boolean;
  }>`select touch_blob(${repositoryId}, ${id}) as is_there`.execute(db);
  return rows[0]!.is_there;
}

export interface WholeBlob {
  digest: Digest;
  sizeBytes: number;
  /** Where its durable bytes are. */
  location: string;
}

/**
 * Makes durable bytes a blob of the repository, which is made if it is not there. Not used: the same blob was
 * there, and these bytes are listed for removal. Undefined: the project is gone.
 */
export async function putBlob(
  db: Db,
  { projectId, name }: RepositoryKey,
  { digest, sizeBytes, location }: WholeBlob,
): Promise<{ isUsed: boolean } | undefined> {
  const { rows } = await sql<{ is_used: boolean | null }>`
    select put_blob(${projectId}, ${name}, ${digestToBytes(digest)}, ${sizeBytes}, ${location})
      as is_used`.execute(db);
  const { is_used: isUsed } = rows[0]!;
  return isUsed === null ? undefined : { isUsed };
}

/** Lists bytes that are no blob for removal after `delaySeconds`, so that no crash leaves them behind. */
export async function insertBlobDeletion(
  db: Db,
  {
    location,
    sizeBytes,
    delaySeconds,
  }: { location: string; sizeBytes: number; delaySeconds: number },
): Promise<void> {
  await sql`
    insert into blob_deletion (location, size_bytes, not_before)
    values (${location}, ${sizeBytes}, now() + make_interval(secs => ${delaySeconds}))
    on conflict (location) do update
      set not_before = greatest(blob_deletion.not_before, excluded.not_before)`.execute(db);
}

/** The same for bytes at many places, that are about to come there. */
export async function insertBlobDeletions(
  db: Db,
  bytes: readonly { location: string; sizeBytes: number }[],
  delaySeconds: number,
): Promise<void> {
  await sql`
    insert into blob_deletion (location, size_bytes, not_before)
    select location, size_bytes, now() + make_interval(secs => ${delaySeconds})
    from unnest(${bytes.map(({ location }) => location)}::text[], ${bytes.map(({ sizeBytes }) => sizeBytes)}::bigint[])
      as planned (location, size_bytes)`.execute(db);
}

/** Takes bytes off the list of what to delete: they are gone, or they are used. */
export async function forgetBlobDeletion(db: Db, location: string): Promise<void> {
  await db.deleteFrom('blob_deletion').where('location', '=', location).execute();
}

export interface RelocatedBlob {
  id: number;
  /** Listed for removal by `insertBlobDeletions`, in case that this would never come. */
  planned: string;
  location: string;
}

/** Gives blobs other places, where their bytes are by now. Only a restore may do that: nobody reads meanwhile. */
export async function relocateBlobs(db: Db, blobs: readonly RelocatedBlob[]): Promise<void> {
  await sql`
    with used as (delete from blob_deletion where location = any (${blobs.map(({ planned }) => planned)}))
    update blob b set location = moved.location
    from unnest(${blobs.map(({ id }) => id)}::bigint[], ${blobs.map(({ location }) => location)}::text[])
      as moved (id, location)
    where b.id = moved.id`.execute(db);
}

/** The same for blobs whose bytes are lost: these places are empty, and stay so until somebody pushes the blob. */
export async function loseBlobs(
  db: Db,
  blobs: readonly Pick<RelocatedBlob, 'id' | 'location'>[],
): Promise<void> {
  await sql`
    update blob b set location = moved.location, damaged_at = now()
    from unnest(${blobs.map(({ id }) => id)}::bigint[], ${blobs.map(({ location }) => location)}::text[])
      as moved (id, location)
    where b.id = moved.id`.execute(db);
}

/** Where a blob may be looked for: one repository, or every one in a public project or in these. */
export type BlobSource = { repository: RepositoryKey } | { projectIds: number[] | 'all' };

/**
 * A repository among the sources that serves the blob, public ones first. A blob that only others have is
 * as unknown as one that nobody has, and so is one whose bytes are damaged: they shall be pushed.
 */
export async function findBlobSource(
  db: Db,
  digest: Digest,
  source: BlobSource,
): Promise<(RepositoryKey & { isPublic: boolean }) | undefined> {
  const among = (isWanted: RawBuilder<boolean>) => sql`
    (select r.project_id as "projectId", r.name, p.is_public as "isPublic"
    from blob b
    join repository_blob rb on rb.blob_id = b.id and rb.is_served
    join live_repository r on r.id = rb.repository_id
    join live_project p on p.id = r.project_id
    where b.digest = ${digestToBytes(digest)} and b.damaged_at is null and ${isAmong(source)} and ${isWanted} limit 1)`;
  // One look after the other, not sorted: a base layer may be in ten thousand repositories.
  const { rows } = await sql<{ projectId: number; name: string; isPublic: boolean }>`
    ${among(sql`p.is_public`)} union all ${among(sql`not p.is_public`)} limit 1`.execute(db);
  return rows[0];
}

function isAmong(source: BlobSource) {
  if ('repository' in source) {
    const { projectId, name } = source.repository;
    return sql<boolean>`r.project_id = ${projectId} and r.name = ${name}`;
  }
  if (source.projectIds === 'all') return sql<boolean>`true`;
  return sql<boolean>`(p.is_public or p.id = any (${source.projectIds}::bigint[]))`;
}

/** Makes a blob of the repository `from` a blob of `repositoryId` too. False: it is not there any more. */
export async function mountBlob(
  db: Db,
  { repositoryId, digest, from }: { repositoryId: number; digest: Digest; from: RepositoryKey },
): Promise<boolean> {
  const mounting = sql`
    with found as (
      select rb.blob_id
      from blob b
      join repository_blob rb on rb.blob_id = b.id and rb.is_served
      join live_repository r on r.id = rb.repository_id
      where b.digest = ${digestToBytes(digest)} and b.damaged_at is null
        and r.project_id = ${from.projectId} and r.name = ${from.name}
    ), mounted as (
      insert into repository_blob as target (repository_id, blob_id)
      select ${repositoryId}, blob_id from found
      on conflict (repository_id, blob_id) do update set touched_at = now(), is_served = true
      where not target.is_served or target.touched_at < now() - interval '1 hour'
      returning target.blob_id
    ), candidate as (
      insert into blob_candidate (blob_id, check_after) select blob_id, now() from mounted
      on conflict (blob_id) do nothing
    )
    select link_missing_blob(${repositoryId}, mounted.blob_id, ${digestToBytes(digest)})
    from found left join mounted on true`.execute(db);
  try {
    return (await mounting).rows.length > 0;
  } catch (cause) {
    // The blob was collected meanwhile.
    if (isForeignKeyViolation(cause)) return false;
    throw cause;
  }
}

/** Stops serving a blob from a repository. Refuses while a manifest there needs it. False: it is not there. */
export async function deleteBlob(
  db: Db,
  repository: RepositoryKey,
  digest: Digest,
): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    // Nothing in it is restored meanwhile.
    const repositoryId = await lockRepository(tx, repository, 'shared');
    if (repositoryId === undefined) return false;
    const { rows } = await sql<{ repository_id: number; blob_id: number }>`
      select rb.repository_id, rb.blob_id
      from repository_blob rb join blob b on b.id = rb.blob_id
      where rb.repository_id = ${repositoryId} and rb.is_served and b.digest = ${digestToBytes(digest)}
      for update of rb`.execute(tx);
    const found = rows[0];
    if (found === undefined) return false;
    // A second statement, so that it sees what was committed while the lock was waited for.
    const users = await sql<{ is_live: boolean }>`
      select m.deleted_at is null as is_live from manifest_blob mb join manifest m on m.id = mb.manifest_id
      where mb.blob_id = ${found.blob_id} and mb.repository_id = ${found.repository_id}
      order by is_live desc limit 1`.execute(tx);
    const user = users.rows[0];
    if (user?.is_live === true) {
      throw new Refusal(
        'DENIED',
        'a manifest in this repository needs the blob; delete the manifest first',
        {
          status: 405,
        },
      );
    }
    await dropRepositoryBlob(tx, found, user !== undefined);
    return true;
  });
}

async function dropRepositoryBlob(
  tx: Db,
  { repository_id, blob_id }: { repository_id: number; blob_id: number },
  isInTrash: boolean,
): Promise<void> {
  if (isInTrash) {
    await sql`update repository_blob set is_served = false
      where repository_id = ${repository_id} and blob_id = ${blob_id}`.execute(tx);
  } else {
    await sql`delete from repository_blob
      where repository_id = ${repository_id} and blob_id = ${blob_id}`.execute(tx);
  }
  await sql`insert into blob_candidate (blob_id, check_after) values (${blob_id}, now())
    on conflict (blob_id) do update set check_after = least(blob_candidate.check_after, excluded.check_after)`.execute(
    tx,
  );
}
