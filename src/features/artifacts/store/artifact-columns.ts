import { sql, type RawBuilder } from 'kysely';

import type { Platform } from '../../../oci/descriptor.ts';
import type { Attributes } from '../attributes.ts';
import type { AccessoryType } from '../classify.ts';

/** What is told of an artifact besides what stands in its row. */
export interface ArtifactOptions {
  withTags: boolean;
  withLabels: boolean;
  withAccessories: boolean;
  /** Signatures of the indexes that list it, unless it has one of its own. */
  withInheritedAccessories: boolean;
}

export interface ArtifactRow {
  id: number;
  type: string;
  kind: 'image' | 'index';
  media_type: string;
  config_media_type: string | null;
  artifact_type: string | null;
  accessory_type: AccessoryType | null;
  project_id: number;
  repository_id: number;
  repository_name: string;
  digest: Buffer;
  content_bytes: number;
  annotations: Record<string, string>;
  pushed_at: Date;
  pulled_at: Date | null;
  /** Null: nobody asked for them before. */
  attributes: Attributes | null;
  icon: Buffer | null;
  /** Null where there are none, or they were not asked for. */
  references: ReferenceRow[] | null;
  tags: TagRow[] | null;
  labels: LabelRow[] | null;
  accessories: AccessoryRow[] | null;
  inherited_accessories: AccessoryRow[] | null;
}

/** Times in what comes as JSON are texts. */
type Time = string;

export interface ReferenceRow {
  digest: string;
  child_id: number | null;
  descriptor: {
    platform?: Platform;
    annotations?: Record<string, string>;
    urls?: string[];
  };
}

export interface TagRow {
  id: number;
  name: string;
  pushed_at: Time;
  pulled_at: Time | null;
}

export interface LabelRow {
  id: number;
  project_id: number | null;
  name: string;
  description: string;
  color: string;
  created_at: Time;
  updated_at: Time;
}

export interface AccessoryRow {
  id: number;
  subject_id: number | null;
  subject_digest: string;
  content_bytes: number;
  digest: string;
  type: AccessoryType;
  pushed_at: Time;
}

/**
 * As many tags, labels, references and accessories are told of with one artifact; their own lists have the rest. An
 * artifact may have 100 000 of each.
 */
const MOST = 250;

/** Of the manifest `m` in the repository `r`, which `d` is joined with: `DESCRIPTION`. */
export function artifactColumns(options: ArtifactOptions): RawBuilder<unknown> {
  return sql`m.id, m.type, m.kind, m.media_type, m.config_media_type, m.artifact_type, m.accessory_type, m.project_id, m.repository_id,
    r.name as repository_name, m.digest, m.content_bytes, m.annotations, m.pushed_at, m.pulled_at, d.attributes, d.icon,
    ${listed(true, REFERENCES)} as references,
    ${listed(options.withTags, TAGS)} as tags,
    ${listed(options.withLabels, LABELS)} as labels,
    ${listed(options.withAccessories, ACCESSORIES)} as accessories,
    ${listed(options.withInheritedAccessories, INHERITED)} as inherited_accessories`;
}

export const DESCRIPTION = sql`left join manifest_attributes d on d.manifest_id = m.id`;

const listed = (isWanted: boolean, rows: RawBuilder<unknown>): RawBuilder<unknown> =>
  isWanted ? sql`(select json_agg(one) from (${rows} limit ${MOST}) one)` : sql`null::json`;

const REFERENCES = sql`
  select digest_text(c.digest) as digest, child.id as child_id, c.descriptor
  from manifest_child c
  left join live_manifest child on child.repository_id = c.repository_id and child.digest = c.digest
  where c.manifest_id = m.id order by c.digest`;

const TAGS = sql`
  select t.id, t.name, t.pushed_at, t.pulled_at from live_tag t
  where t.manifest_id = m.id order by t.pushed_at desc, t.id desc`;

const LABELS = sql`
  select l.id, l.project_id, l.name, l.description, l.color, l.created_at, l.updated_at
  from artifact_label al join label l on l.id = al.label_id
  where al.manifest_id = m.id order by l.name, l.id`;

/** Of the manifest `a`, whose subject `subject` is. */
export const accessoryColumns = (subject: string): RawBuilder<unknown> =>
  sql`a.id, ${sql.ref(`${subject}.id`)} as subject_id, digest_text(a.accessory_of) as subject_digest, a.content_bytes,
    digest_text(a.digest) as digest, a.accessory_type as type, a.pushed_at`;

const ACCESSORIES = sql`
  select ${accessoryColumns('m')} from live_manifest a
  where a.repository_id = m.repository_id and a.accessory_of = m.digest order by a.id`;

const IS_SIGNATURE = sql`a.accessory_type in ('signature.cosign', 'signature.notation')`;

const INHERITED = sql`
  select ${accessoryColumns('i')}
  from manifest_child c
  join live_manifest i on i.id = c.manifest_id
  join live_manifest a on a.repository_id = i.repository_id and a.accessory_of = i.digest and ${IS_SIGNATURE}
  where c.repository_id = m.repository_id and c.digest = m.digest and not exists (
    select from live_manifest a
    where a.repository_id = m.repository_id and a.accessory_of = m.digest and ${IS_SIGNATURE}
  )
  order by a.id`;
