import { randomUUID } from 'node:crypto';

import { sql } from 'kysely';

import { Refusal } from '../../../lib/errors.ts';
import { digestFromBytes, digestToBytes, type Digest } from '../../../oci/digest.ts';
import type { Manifest } from '../../../oci/manifest.ts';
import type { Db } from '../../../platform/db/connect.ts';
import { isForeignKeyViolation } from '../../../platform/db/errors.ts';
import type { RepositoryKey } from './repositories.ts';

export interface ManifestPush {
  repositoryId: number;
  projectId: number;
  digest: Digest;
  manifest: Manifest;
  bytes: Buffer;
  tags: string[];
  /** Accepts a sparse image, whose blobs may come later or never. */
  allowMissingBlobs: boolean;
  /** Who pushes, for the history of the tags. */
  actor: string;
  /** With what: the user agent. */
  client: string;
}

/** Stores a manifest and moves its tags, all or nothing. Refuses when a blob it needs is not in the repository. */
export async function pushManifest(db: Db, push: ManifestPush): Promise<void> {
  const { manifest } = push;
  const required = [...new Set(manifest.requiredBlobs.map(({ digest }) => digest))];
  const children = manifest.children.map(({ digest }) => digestToBytes(digest));
  const subject = manifest.subject === undefined ? null : digestToBytes(manifest.subject.digest);
  try {
    const { rows } = await sql<{ missing_blobs: Buffer[] | null; repository_gone: boolean }>`
      select missing_blobs, repository_gone from push_manifest(
        ${push.repositoryId}, ${push.projectId}, ${digestToBytes(push.digest)}, ${manifest.kind},
        ${manifest.mediaType}, ${manifest.artifactType ?? null}, ${subject},
        ${JSON.stringify(manifest.annotations)}::jsonb, ${push.bytes}, ${required.map(digestToBytes)}::bytea[], ${push.allowMissingBlobs},
        ${children}::bytea[], ${push.tags}::text[], ${push.actor}, ${push.client})`.execute(db);
    const { missing_blobs, repository_gone } = rows[0]!;
    if (repository_gone) {
      throw new Refusal(
        'NAME_UNKNOWN',
        'the repository was deleted while this was pushed; push again',
      );
    }
    if (missing_blobs !== null && !push.allowMissingBlobs) {
      throw blobsUnknown(missing_blobs.map((bytes) => digestFromBytes(bytes)));
    }
  } catch (cause) {
    // A blob was collected between the look and the insert.
    if (isForeignKeyViolation(cause)) throw blobsUnknown(required, cause);
    throw cause;
  }
}

function blobsUnknown(digests: Digest[], cause?: unknown): Refusal {
  const shown = digests.slice(0, 20);
  return new Refusal(
    'MANIFEST_BLOB_UNKNOWN',
    `the manifest refers to ${digests.length} blob(s) that are not in this repository; push them first: ${shown.join(', ')}`,
    { cause, detail: { digests: shown } },
  );
}

/** Puts a manifest with its tags into the trash. False: it is not there. */
export async function deleteManifest(
  db: Db,
  key: RepositoryKey,
  digest: Digest,
  { actor, client }: { actor: string; client: string },
): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    // Whoever pushes a tag to it holds this row FOR KEY SHARE until the push is committed.
    const { rows } = await sql<{ id: number }>`
      select m.id from live_manifest m join live_repository r on r.id = m.repository_id
      where r.project_id = ${key.projectId} and r.name = ${key.name} and m.digest = ${digestToBytes(digest)}
      for update of m`.execute(tx);
    const found = rows[0];
    if (found === undefined) return false;
    const deletion = { deleted_at: sql<Date>`now()`, deletion_id: randomUUID() };
    // One statement: there may be more tags than a statement may have parameters.
    await sql`
      with gone as (
        update tag set deleted_at = now(), deletion_id = ${deletion.deletion_id}
        where manifest_id = ${found.id} and deleted_at is null
        returning repository_id, name
      )
      insert into tag_history (repository_id, name, digest, previous_digest, actor, client)
      select repository_id, name, null, ${digestToBytes(digest)}::bytea, ${actor}, ${client} from gone`.execute(
      tx,
    );
    await tx.updateTable('manifest').set(deletion).where('id', '=', found.id).execute();
    return true;
  });
}

export interface ReferrerRow {
  id: number;
  digest: Digest;
  mediaType: string;
  artifactType: string | undefined;
  sizeBytes: number;
  annotations: Record<string, string>;
}

/** What a page of referrers may hold. */
export interface ReferrerFilter {
  subject: Digest;
  artifactType: string | undefined;
  afterId: number;
  limit: number;
  /** A page has fewer entries when their manifests, and so their annotations, are larger than this together. */
  maxBytes: number;
}

/**
 * Manifests of the repository whose subject is `subject`, oldest first, those with ids above `afterId`.
 * The page is cut before annotations are read: hundreds of manifests of 4 MiB would not fit into memory.
 */
export async function listReferrers(
  db: Db,
  { projectId, name }: RepositoryKey,
  { subject, artifactType, afterId, limit, maxBytes }: ReferrerFilter,
): Promise<{ referrers: ReferrerRow[]; hasMore: boolean }> {
  const { rows } = await sql<ReferrerColumns & { found: number }>`
    with found as (
      select m.id, m.size_bytes
      from live_manifest m join live_repository r on r.id = m.repository_id
      where r.project_id = ${projectId} and r.name = ${name} and m.subject_digest = ${digestToBytes(subject)}
        and m.id > ${afterId} and (${artifactType ?? null}::text is null or m.artifact_type = ${artifactType ?? null})
      order by m.id limit ${limit + 1}
    ), sized as (
      select id, row_number() over by_id as position, sum(size_bytes) over by_id as bytes,
             count(*) over () as found
      from found window by_id as (order by id)
    )
    select m.id, m.digest, m.media_type, m.artifact_type, m.size_bytes, m.annotations, s.found
    from sized s join live_manifest m on m.id = s.id
    where s.position <= ${limit} and (s.position = 1 or s.bytes <= ${maxBytes})
    order by s.id`.execute(db);
  return { referrers: rows.map(toReferrer), hasMore: rows.length < (rows[0]?.found ?? 0) };
}

interface ReferrerColumns {
  id: number;
  digest: Buffer;
  media_type: string;
  artifact_type: string | null;
  size_bytes: number;
  annotations: Record<string, string>;
}

function toReferrer(row: ReferrerColumns): ReferrerRow {
  return {
    id: row.id,
    digest: digestFromBytes(row.digest),
    mediaType: row.media_type,
    artifactType: row.artifact_type ?? undefined,
    sizeBytes: row.size_bytes,
    annotations: row.annotations,
  };
}
