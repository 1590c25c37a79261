import { sql } from 'kysely';

import { digestFromBytes, type Digest } from '../../../oci/digest.ts';
import type { Db } from '../../../platform/db/connect.ts';

/** The ids of manifests above `after`, in the trash or not: as many as have so many bytes together. */
export async function listManifestIds(
  db: Db,
  { after, limit, maxBytes }: { after: number; limit: number; maxBytes: number },
): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    with page as (
      select m.id, coalesce(length(b.bytes), 0) as size_bytes
      from manifest m left join manifest_bytes b on b.manifest_id = m.id
      where m.id > ${after} order by m.id limit ${limit}
    ), sized as (
      select id, sum(size_bytes) over (order by id) as bytes, row_number() over (order by id) as position from page
    )
    select id from sized where position = 1 or bytes <= ${maxBytes} order by id`.execute(db);
  return rows.map(({ id }) => id);
}

export interface StoredManifest {
  id: number;
  repository: string;
  digest: Digest;
  mediaType: string;
  sizeBytes: number;
  subject: Digest | undefined;
  isDamaged: boolean;
  /** Undefined: they are gone. */
  bytes: Buffer | undefined;
  /** Blobs that its rows name, missing ones too. */
  blobs: Set<Digest>;
  /** What its rows say that it lists. */
  children: Set<Digest>;
}

interface Row {
  id: number;
  name: string;
  digest: Buffer;
  media_type: string;
  size_bytes: number;
  subject_digest: Buffer | null;
  is_damaged: boolean;
  bytes: Buffer | null;
  blobs: string | null;
  children: string | null;
}

/** Manifests with all that their rows say, as of one moment. */
export async function readManifests(db: Db, ids: number[]): Promise<StoredManifest[]> {
  const { rows } = await sql<Row>`
    select m.id, r.name, m.digest, m.media_type, m.size_bytes, m.subject_digest,
      m.damaged_at is not null as is_damaged, b.bytes,
      (select string_agg(digest_text(digest), ',') from (
        select bl.digest from manifest_blob mb join blob bl on bl.id = mb.blob_id where mb.manifest_id = m.id
        union all select digest from manifest_missing_blob where manifest_id = m.id
      ) named) as blobs,
      (select string_agg(digest_text(c.digest), ',') from manifest_child c where c.manifest_id = m.id) as children
    from manifest m join repository r on r.id = m.repository_id
    left join manifest_bytes b on b.manifest_id = m.id
    where m.id = any (${ids}::bigint[]) order by m.id`.execute(db);
  return rows.map((row) => ({
    id: row.id,
    repository: row.name,
    digest: digestFromBytes(row.digest),
    mediaType: row.media_type,
    sizeBytes: row.size_bytes,
    subject: row.subject_digest === null ? undefined : digestFromBytes(row.subject_digest),
    isDamaged: row.is_damaged,
    bytes: row.bytes ?? undefined,
    blobs: readDigests(row.blobs),
    children: readDigests(row.children),
  }));
}

const readDigests = (list: string | null) => new Set((list?.split(',') ?? []) as Digest[]);

export async function countManifests(db: Db): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*) as count from manifest`.execute(db);
  return rows[0]!.count;
}
