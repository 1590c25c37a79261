import { sql, type RawBuilder } from 'kysely';

import { Refusal } from '../../../lib/errors.ts';
import { digestFromBytes, digestToBytes, referrersTag, type Digest } from '../../../oci/digest.ts';
import type { Descriptor, Manifest } from '../../../oci/manifest.ts';
import type { Db } from '../../../platform/db/connect.ts';
import { isForeignKeyViolation } from '../../../platform/db/errors.ts';
import { retryConflicts } from '../../../platform/db/transaction.ts';
import type { RepositoryKey } from '../../access/index.ts';
import { findAccessory, findConfigMediaType } from '../classify.ts';

export interface NewManifest {
  repository: RepositoryKey;
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

/**
 * Stores a manifest and moves its tags, all or nothing; the repository is made if it is not there. Refuses
 * when a blob it needs is not in the repository.
 */
export async function storeManifest(db: Db, push: NewManifest): Promise<void> {
  const { manifest, repository } = push;
  const required = [...new Set(manifest.requiredBlobs.map(({ digest }) => digest))];
  const layers = new Set(manifest.layers.map(({ digest }) => digest));
  const optional = [...layers.difference(new Set(required))];
  const children = manifest.children.map(({ digest }) => digestToBytes(digest));
  const subject = manifest.subject === undefined ? null : digestToBytes(manifest.subject.digest);
  const accessory = findAccessory(manifest, push.tags);
  const statement = sql<{ missing_blobs: Buffer[] | null; project_gone: boolean }>`
    select missing_blobs, project_gone from push_manifest(
      ${repository.projectId}, ${repository.name}, ${digestToBytes(push.digest)}, ${manifest.kind},
      ${manifest.mediaType}, ${manifest.artifactType ?? null}, ${findConfigMediaType(manifest)}, ${subject},
      ${accessory?.type ?? null}, ${accessory === undefined ? null : digestToBytes(accessory.of)},
      ${JSON.stringify(manifest.annotations)}::jsonb, ${push.bytes}, ${required.map(digestToBytes)}::bytea[],
      ${optional.map(digestToBytes)}::bytea[], ${push.allowMissingBlobs}, ${children}::bytea[], ${manifest.children.map(describeChild)}::jsonb[],
      ${push.tags}::text[], ${push.actor}, ${push.client})`;
  try {
    const { rows } = await retryConflicts(() => statement.execute(db));
    const { missing_blobs, project_gone } = rows[0]!;
    if (project_gone) throw new Refusal('NAME_UNKNOWN', 'the project is not there any more');
    if (missing_blobs !== null && !push.allowMissingBlobs) {
      throw blobsUnknown(missing_blobs.map((bytes) => digestFromBytes(bytes)));
    }
  } catch (cause) {
    // A blob was collected between the look and the insert.
    if (isForeignKeyViolation(cause)) throw blobsUnknown(required, cause);
    throw cause;
  }
}

/** What an index says of a manifest it lists, besides its digest. */
export function describeChild({ digest: _, data: __, ...descriptor }: Descriptor): string {
  return JSON.stringify(descriptor);
}

function blobsUnknown(digests: Digest[], cause?: unknown): Refusal {
  const shown = digests.slice(0, 20);
  return new Refusal(
    'MANIFEST_BLOB_UNKNOWN',
    `the manifest refers to ${digests.length} blob(s) that are not in this repository; push them first: ${shown.join(', ')}`,
    { cause, detail: { digests: shown } },
  );
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
 * Manifests of the repository whose subject is `subject`, oldest first, those with ids above `afterId`. So are
 * those without a subject that an index lists which a client without this API keeps under the subject's
 * referrers tag: OCI 1.1 §referrers-tag-schema.
 * The page is cut before annotations are read: hundreds of manifests of 4 MiB would not fit into memory.
 */
export async function listReferrers(
  db: Db,
  { projectId, name }: RepositoryKey,
  { subject, artifactType, afterId, limit, maxBytes }: ReferrerFilter,
): Promise<{ referrers: ReferrerRow[]; hasMore: boolean }> {
  const isWanted = (type: RawBuilder<unknown>) =>
    artifactType === undefined ? sql`true` : sql`${type} = ${artifactType}`;
  const listedType = sql`coalesce(c.descriptor->>'artifactType', m.artifact_type)`;
  const { rows } = await sql<ReferrerColumns & { found: number }>`
    with repository as (
      select id from live_repository where project_id = ${projectId} and name = ${name}
    ), found as (
      (select m.id, m.size_bytes, m.artifact_type, null::jsonb as descriptor
      from repository r
      join live_manifest m on m.repository_id = r.id and m.accessory_of = ${digestToBytes(subject)}
        and m.subject_digest is not null
      where m.id > ${afterId} and ${isWanted(sql`m.artifact_type`)}
      order by m.id limit ${limit + 1})
      union all
      (select m.id, m.size_bytes + octet_length(c.descriptor::text), ${listedType}, c.descriptor
      from repository r
      join live_tag t on t.repository_id = r.id and t.name = ${referrersTag(subject)}
      join manifest_child c on c.manifest_id = t.manifest_id
      join live_manifest m on m.repository_id = r.id and m.digest = c.digest and m.subject_digest is null
      where m.id > ${afterId} and ${isWanted(listedType)}
      order by m.id limit ${limit + 1})
      order by id limit ${limit + 1}
    ), sized as (
      select *, row_number() over by_id as position, sum(size_bytes) over by_id as bytes,
             count(*) over () as found
      from found window by_id as (order by id)
    )
    select m.id, m.digest, m.media_type, s.artifact_type, m.size_bytes, s.found,
           m.annotations || coalesce(s.descriptor->'annotations', '{}') as annotations
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
