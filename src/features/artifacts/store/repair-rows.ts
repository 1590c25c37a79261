import { sql } from 'kysely';

import { digestToBytes, type Digest } from '../../../oci/digest.ts';
import type { Descriptor } from '../../../oci/manifest.ts';
import type { Db } from '../../../platform/db/connect.ts';
import { inTransaction } from '../../../platform/db/transaction.ts';
import { describeChild } from './manifests.ts';

/** What a manifest refers to and its rows do not say. */
export interface LackingReferences {
  blobs: Digest[];
  children: Descriptor[];
  subject: Digest | undefined;
}

/** Writes rows of a manifest anew. Blobs that are gone count as missing: they are linked when they are pushed. */
export async function relinkManifest(
  db: Db,
  id: number,
  { blobs, children, subject }: LackingReferences,
): Promise<void> {
  const digests = sql`${blobs.map(digestToBytes)}::bytea[]`;
  await inTransaction(db, async (tx) => {
    const { rows } = await sql<{ repository_id: number }>`
      select repository_id from manifest where id = ${id} for key share`.execute(tx);
    if (rows[0] === undefined) return;
    const { repository_id } = rows[0];
    for (const child of children) {
      await sql`insert into manifest_child (manifest_id, repository_id, digest, descriptor)
        values (${id}, ${repository_id}, ${digestToBytes(child.digest)}, ${describeChild(child)}::jsonb)
        on conflict do nothing`.execute(tx);
    }
    if (subject !== undefined) {
      await sql`update manifest set subject_digest = ${digestToBytes(subject)} where id = ${id}`.execute(
        tx,
      );
    }
    // As if it had been pushed before its blobs, and they came now: they are linked, and count in the quota.
    await sql`select pg_advisory_xact_lock(1, sparse_images_lock(${repository_id}))`.execute(tx);
    await sql`insert into manifest_missing_blob (manifest_id, repository_id, digest)
      select ${id}, ${repository_id}, unnest(${digests}) on conflict do nothing`.execute(tx);
    const found = sql`select id, digest from blob where digest = any (${digests})`;
    await sql`insert into repository_blob (repository_id, blob_id)
      select ${repository_id}, id from (${found} order by id for key share) blob
      on conflict do nothing`.execute(tx);
    await sql`select link_missing_blob(${repository_id}, id, digest) from (${found}) blob`.execute(
      tx,
    );
  });
}

/** Points tags to the artifact that was pushed again since they lost theirs. Answers the ids of those for which there is one. */
export async function repointTags(db: Db, ids: number[]): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    update tag t set manifest_id = live.id
    from manifest m join live_manifest live on live.digest = m.digest
    where t.id = any (${ids}::bigint[]) and m.id = t.manifest_id and live.repository_id = t.repository_id
    returning t.id`.execute(db);
  return rows.map(({ id }) => id);
}

/** Makes the collector look at blobs. */
export async function nominateBlobs(db: Db, ids: number[]): Promise<void> {
  await sql`insert into blob_candidate (blob_id, check_after)
    select id, now() from blob where id = any (${ids}::bigint[]) order by id
    on conflict do nothing`.execute(db);
}

/** Takes the bytes of blobs off the list of what to delete. */
export async function keepBlobBytes(db: Db, ids: number[]): Promise<void> {
  await sql`delete from blob_deletion d using blob b
    where b.id = any (${ids}::bigint[]) and d.location = b.location`.execute(db);
}

/** Shows repositories in which there are artifacts. */
export async function showRepositories(db: Db, ids: number[]): Promise<void> {
  await sql`update repository r set first_pushed_at = (
      select min(m.pushed_at) from manifest m where m.repository_id = r.id and m.deleted_at is null
    ) where id = any (${ids}::bigint[]) and first_pushed_at is null`.execute(db);
}
