import { sql, type RawBuilder } from 'kysely';

import { digestFromBytes } from '../../../oci/digest.ts';
import type { Db } from '../../../platform/db/connect.ts';
import type { AffectedImage } from '../finding.ts';

const MOST_SHOWN = 100;

interface Affected {
  images: AffectedImage[];
  total: number;
}

/** The images that have a blob, and the indexes that list these. */
export const findAffectedByBlob = (db: Db, blobId: number): Promise<Affected> =>
  findAffected(db, sql`select manifest_id from manifest_blob where blob_id = ${blobId}`);

/** A manifest, and the indexes that list it. */
export const findAffectedByManifest = (db: Db, id: number): Promise<Affected> =>
  findAffected(db, sql`select ${id}::bigint as manifest_id`);

async function findAffected(db: Db, start: RawBuilder<unknown>): Promise<Affected> {
  const { rows } = await sql<{ name: string; digest: Buffer; tags: string | null; total: number }>`
    with recursive affected (id) as (
      ${start}
      union
      select parent.id
      from affected a
      join manifest m on m.id = a.id
      join manifest_child c on c.repository_id = m.repository_id and c.digest = m.digest
      join manifest parent on parent.id = c.manifest_id
    ), live as (
      select m.id, r.name, m.digest
      from affected a
      join live_manifest m on m.id = a.id
      join live_repository r on r.id = m.repository_id
    )
    select live.name, live.digest, tag.names as tags, count(*) over () as total
    from live cross join lateral (
      select string_agg(t.name, ',' order by t.name) as names from live_tag t where t.manifest_id = live.id
    ) tag
    order by tag.names is null, live.name, live.digest limit ${MOST_SHOWN}`.execute(db);
  return {
    images: rows.map(({ name, digest, tags }) => ({
      repository: name,
      digest: digestFromBytes(digest),
      tags: tags?.split(',') ?? [],
    })),
    total: rows[0]?.total ?? 0,
  };
}
