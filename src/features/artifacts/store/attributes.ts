import { sql } from 'kysely';

import type { Db } from '../../../platform/db/connect.ts';
import { isForeignKeyViolation } from '../../../platform/db/errors.ts';
import type { Attributes, Described } from '../attributes.ts';

/** Bytes of a blob in the store. */
export interface StoredBytes {
  location: string;
  size_bytes: number;
}

/** An artifact that nobody asked for before, and where is what it says of itself. */
export interface Undescribed {
  id: number;
  config: Described['config'] | null;
  first_layer: Described['firstLayer'] | null;
  /** The layer that is marked as its icon. */
  icon_digest: Buffer | null;
  config_bytes: StoredBytes | null;
  icon_bytes: StoredBytes | null;
}

const ICON = 'io.goharbor.artifact.v1alpha1.icon';

/**
 * Of manifests with these ids. Of CNAB's indexes the config is that of a manifest it lists. What is taken from a manifest
 * is small: it may be large itself.
 */
export async function findUndescribed(db: Db, ids: number[]): Promise<Undescribed[]> {
  const blob = (digest: string) => sql`(
    select json_build_object('location', b.location, 'size_bytes', b.size_bytes)
    from blob b join repository_blob rb on rb.blob_id = b.id and rb.is_served
    where b.digest = ${sql.ref(digest)} and rb.repository_id = m.repository_id and b.damaged_at is null)`;
  const { rows } = await sql<Undescribed>`
    select m.id, manifest.config, manifest.first_layer, digests.icon as icon_digest,
           ${blob('digests.config')} as config_bytes, ${blob('digests.icon')} as icon_bytes
    from live_manifest m
    join manifest_bytes mb on mb.manifest_id = case m.kind when 'image' then m.id else (
      select child.id from manifest_child c
      join live_manifest child on child.repository_id = c.repository_id and child.digest = c.digest and child.kind = 'image'
      where c.manifest_id = m.id and c.descriptor->'annotations'->>'io.cnab.manifest.type' = 'config' limit 1
    ) end
    cross join lateral (select convert_from(mb.bytes, 'UTF8')::json as body) read
    cross join lateral (
      select read.body->'config' as config,
        case json_typeof(read.body->'layers') when 'array' then read.body->'layers' else '[]' end as layers
    ) parts
    cross join lateral (
      select json_build_object('mediaType', parts.config->'mediaType', 'annotations', parts.config->'annotations') as config,
        parts.config->>'digest' as config_digest,
        json_build_object(
          'mediaType', parts.layers->0->'mediaType', 'annotations', parts.layers->0->'annotations'
        ) as first_layer,
        (select layer->>'digest' from json_array_elements(parts.layers) layer
          where layer->'annotations'->${ICON} is not null limit 1) as icon
    ) manifest
    cross join lateral (
      select digest_from_text(manifest.config_digest) as config, digest_from_text(manifest.icon) as icon
    ) digests
    where m.id = any (${ids}::bigint[])`.execute(db);
  return rows;
}

export interface Description {
  id: number;
  attributes: Attributes;
  icon: Buffer | null;
}

/** Keeps what was read. A manifest that was removed meanwhile needs nothing any more. */
export async function insertDescriptions(db: Db, described: Description[]): Promise<void> {
  try {
    await sql`
      insert into manifest_attributes (manifest_id, attributes, icon)
      select * from unnest(
        ${described.map(({ id }) => id)}::bigint[],
        ${described.map(({ attributes }) => JSON.stringify(attributes))}::json[],
        ${described.map(({ icon }) => icon)}::bytea[]
      ) as one (manifest_id, attributes, icon)
      on conflict do nothing`.execute(db);
  } catch (error) {
    if (!isForeignKeyViolation(error)) throw error;
  }
}

/** An icon that an artifact brings along, in a public project or one of these. */
export async function findArtifactIcon(
  db: Db,
  digest: Buffer,
  visibleIn: number[] | 'all',
): Promise<StoredBytes | undefined> {
  const isVisible =
    visibleIn === 'all' ? sql`true` : sql`(p.is_public or p.id = any (${visibleIn}::bigint[]))`;
  const { rows } = await sql<StoredBytes>`
    select b.location, b.size_bytes
    from manifest_attributes d join live_manifest m on m.id = d.manifest_id
    join live_repository r on r.id = m.repository_id join live_project p on p.id = r.project_id
    join blob b on b.digest = d.icon and b.damaged_at is null
    where d.icon = ${digest} and ${isVisible} limit 1`.execute(db);
  return rows[0];
}
