import { digestFromBytes, digestToBytes, type Digest } from '../../../oci/digest.ts';
import type { Reference } from '../../../oci/reference.ts';
import type { Lookups } from '../../../platform/db/lookups.ts';
import type { RepositoryKey } from '../../access/index.ts';

/** What the pull path asks for, joined into one query per turn of the event loop. */
export interface ArtifactLookups {
  findManifest(repository: RepositoryKey, reference: Reference): Promise<FoundManifest | undefined>;
  /** The exact bytes as they were pushed; undefined when the manifest was removed meanwhile. */
  findManifestBytes(manifest: FoundManifest): Promise<Buffer | undefined>;
  /** The blob, if this repository may serve it. */
  findBlob(repository: RepositoryKey, digest: Digest): Promise<FoundBlob | undefined>;
}

export interface FoundManifest {
  id: number;
  digest: Digest;
  mediaType: string;
  sizeBytes: number;
  /** Its bytes are not those that were pushed. */
  isDamaged: boolean;
}

export interface FoundBlob {
  id: number;
  repositoryId: number;
  location: string;
  sizeBytes: number;
  /** Its grace period began over an hour ago. */
  isStale: boolean;
  /** Its bytes are lost, or not those that were pushed. */
  isDamaged: boolean;
}

interface ManifestRow {
  id: number;
  digest: Buffer;
  media_type: string;
  size_bytes: number;
  is_damaged: boolean;
}

interface BlobRow {
  id: number;
  repository_id: number;
  location: string;
  size_bytes: number;
  is_stale: boolean;
  is_damaged: boolean;
}

interface Key<T> {
  repository: RepositoryKey;
  wanted: T;
}

const toColumns = <T>(keys: Key<T>[]) => [
  keys.map(({ repository }) => repository.projectId),
  keys.map(({ repository }) => repository.name),
  keys.map(({ wanted }) => wanted),
];

const MANIFEST_COLUMNS =
  'wanted.position::int as position, m.id, m.digest, m.media_type, m.size_bytes, m.damaged_at is not null as is_damaged';

/** A manifest above this is not read together with others, which would wait for it. */
const LARGE_BYTES = 64 * 1024;

export function openArtifactLookups(lookups: Lookups): ArtifactLookups {
  const findByTag = lookups.batch<Key<string>, ManifestRow>({
    name: 'manifest by tag',
    text: `select ${MANIFEST_COLUMNS}
      from unnest($1::bigint[], $2::text[], $3::text[]) with ordinality as wanted (project_id, name, tag, position)
      join live_repository r on r.project_id = wanted.project_id and r.name = wanted.name
      join live_tag t on t.repository_id = r.id and t.name = wanted.tag
      join live_manifest m on m.id = t.manifest_id`,
    toColumns,
  });
  const findByDigest = lookups.batch<Key<Buffer>, ManifestRow>({
    name: 'manifest by digest',
    text: `select ${MANIFEST_COLUMNS}
      from unnest($1::bigint[], $2::text[], $3::bytea[]) with ordinality as wanted (project_id, name, digest, position)
      join live_repository r on r.project_id = wanted.project_id and r.name = wanted.name
      join live_manifest m on m.repository_id = r.id and m.digest = wanted.digest`,
    toColumns,
  });
  const readBytes = (name: string, maxKeys: number) =>
    lookups.batch<number, { bytes: Buffer }>({
      name,
      text: `select wanted.position::int as position, b.bytes
        from unnest($1::bigint[]) with ordinality as wanted (id, position)
        join manifest_bytes b on b.manifest_id = wanted.id`,
      toColumns: (ids) => [ids],
      maxKeys,
    });
  const findBytes = readBytes('manifest bytes', 64);
  const findManyBytes = readBytes('bytes of a large manifest', 1);
  const findBlobRow = lookups.batch<Key<Buffer>, BlobRow>({
    name: 'blob',
    text: `select wanted.position::int as position, b.id, rb.repository_id, b.location, b.size_bytes,
        rb.touched_at < now() - interval '1 hour' as is_stale, b.damaged_at is not null as is_damaged
      from unnest($1::bigint[], $2::text[], $3::bytea[]) with ordinality as wanted (project_id, name, digest, position)
      join live_repository r on r.project_id = wanted.project_id and r.name = wanted.name
      join blob b on b.digest = wanted.digest
      join repository_blob rb on rb.repository_id = r.id and rb.blob_id = b.id and rb.is_served`,
    toColumns,
  });

  return {
    async findManifest(repository, { tag, digest }) {
      const row =
        tag === undefined
          ? await findByDigest({ repository, wanted: digestToBytes(digest) })
          : await findByTag({ repository, wanted: tag });
      return (
        row && {
          id: row.id,
          digest: digest ?? digestFromBytes(row.digest),
          mediaType: row.media_type,
          sizeBytes: row.size_bytes,
          isDamaged: row.is_damaged,
        }
      );
    },

    async findManifestBytes({ id, sizeBytes }) {
      const find = sizeBytes <= LARGE_BYTES ? findBytes : findManyBytes;
      return (await find(id))?.bytes;
    },

    async findBlob(repository, digest) {
      const row = await findBlobRow({ repository, wanted: digestToBytes(digest) });
      return (
        row && {
          id: row.id,
          repositoryId: row.repository_id,
          location: row.location,
          sizeBytes: row.size_bytes,
          isStale: row.is_stale,
          isDamaged: row.is_damaged,
        }
      );
    },
  };
}
