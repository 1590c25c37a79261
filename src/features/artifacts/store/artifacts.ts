import { sql, type RawBuilder } from 'kysely';

import { Refusal } from '../../../lib/errors.ts';
import { digestToBytes, findDigest } from '../../../oci/digest.ts';
import type { Reference } from '../../../oci/reference.ts';
import type { Db } from '../../../platform/db/connect.ts';
import {
  contains,
  integerColumn,
  meets,
  meetsColumn,
  orderBy,
  textColumn,
  timeColumn,
  type ListFields,
} from '../../../platform/db/list.ts';
import type { ListOptions } from '../../../platform/http/paging.ts';
import type { RepositoryKey } from '../../access/index.ts';
import {
  artifactColumns,
  DESCRIPTION,
  type ArtifactOptions,
  type ArtifactRow,
} from './artifact-columns.ts';

/** Where artifacts are looked for: in one repository, or in all of a project. */
export type ArtifactScope = { repository: RepositoryKey } | { projectId: number };

const isInScope = (scope: ArtifactScope): RawBuilder<boolean> =>
  'repository' in scope
    ? sql`m.repository_id = (${repositoryId(scope.repository)})`
    : sql`m.project_id = ${scope.projectId}`;

const repositoryId = ({ projectId, name }: RepositoryKey) =>
  sql`select id from live_repository where project_id = ${projectId} and name = ${name}`;

/** Manifests that have a tag which meets a condition. */
function hasTag(scope: ArtifactScope, isWanted: RawBuilder<boolean>): RawBuilder<boolean> {
  const isTagInScope =
    'repository' in scope
      ? sql`t.repository_id = (${repositoryId(scope.repository)})`
      : sql`t.repository_id in (select id from live_repository where project_id = ${scope.projectId})`;
  return sql`m.id in (select t.manifest_id from live_tag t where ${isTagInScope} and ${isWanted})`;
}

const IS_TAGGED = sql<boolean>`exists (select from live_tag t where t.manifest_id = m.id)`;
const DIGEST = { column: sql`digest_text(m.digest)`, type: 'text' } as const;

const listFields = (scope: ArtifactScope): ListFields => ({
  id: integerColumn('m.id'),
  type: textColumn('m.type'),
  mediatype: textColumn('m.config_media_type'),
  manifestmediatype: textColumn('m.media_type'),
  artifacttype: textColumn('m.artifact_type'),
  projectid: integerColumn('m.project_id'),
  repositoryid: integerColumn('m.repository_id'),
  size: integerColumn('m.content_bytes'),
  pushtime: timeColumn('m.pushed_at'),
  pulltime: { column: sql`coalesce(m.pulled_at, '-infinity')`, type: 'time' },
  digest: (condition) => {
    const digest = condition.is === 'equal' ? findDigest(condition.value) : undefined;
    return digest === undefined
      ? meetsColumn(DIGEST, condition)
      : sql`m.digest = ${digestToBytes(digest)}`;
  },
  base: (condition) => {
    if (condition.is === 'equal' && condition.value === '*') return sql`true`;
    throw badQuery('base can only be *');
  },
  tags: (condition) => {
    if (condition.is === 'containing') {
      return hasTag(scope, contains(sql`t.name`, condition.text));
    }
    if (condition.is !== 'equal') throw badQuery('tags can only be a name, ~text, * or nil');
    if (condition.value === '*') return IS_TAGGED;
    if (condition.value === 'nil') return sql`not ${IS_TAGGED}`;
    return hasTag(scope, sql`t.name = ${condition.value}`);
  },
  labels: (condition) => {
    if (condition.is !== 'allOf' || !condition.values.every((id) => /^\d{1,15}$/.test(id))) {
      throw badQuery('labels can only be ids of labels that an artifact has all of: (1 2)');
    }
    const ids = [...new Set(condition.values.map(Number))];
    return sql`(
      select count(*) from artifact_label l
      where l.manifest_id = m.id and l.label_id = any (${ids}::bigint[])) = ${ids.length}`;
  },
});

const badQuery = (what: string) =>
  new Refusal('BAD_REQUEST', `bad request: in the parameter q ${what}`);

export interface ArtifactList {
  scope: ArtifactScope;
  /** Of each repository only what was pushed last to it. */
  isLatestOnly: boolean;
  options: ArtifactOptions;
}

/** Artifacts at the top, the youngest first; `base=*` lists also what has no tag and an index lists. Accessories never. */
export async function listArtifacts(
  db: Db,
  { scope, isLatestOnly, options }: ArtifactList,
  { conditions, sort, limit, offset }: ListOptions,
): Promise<{ artifacts: ArtifactRow[]; total: number }> {
  const fields = listFields(scope);
  const isWanted = sql`${isInScope(scope)} and ${meets(fields, conditions)}`;
  const base = conditions.some(({ key }) => key === 'base')
    ? sql`(select * from live_manifest where accessory_type is null)`
    : sql`top_level_manifest`;
  const from = isLatestOnly
    ? sql`from (
        select distinct on (m.repository_id) m.* from live_manifest m
        where m.accessory_type is null and ${isWanted}
        order by m.repository_id, m.pushed_at desc, m.id desc
      ) m`
    : sql`from ${base} m where ${isWanted}`;
  const order = sql`order by ${orderBy(fields, sort, sql`m.pushed_at desc, m.id desc`)}`;
  const { rows } = await sql<ArtifactRow>`
    select ${artifactColumns(options)}
    from (select m.* ${from} ${order} limit ${limit} offset ${offset}) m
    join repository r on r.id = m.repository_id ${DESCRIPTION} ${order}`.execute(db);
  const total = conditions.length === 0 ? countAll(scope) : sql`select count(*) as total ${from}`;
  const counted = await (total as RawBuilder<{ total: number }>).execute(db);
  return { artifacts: rows, total: counted.rows[0]!.total };
}

/** From the columns of the repositories; those that changed in the last moment are counted now. */
function countAll(scope: ArtifactScope) {
  const isWanted =
    'repository' in scope
      ? sql`r.id = (${repositoryId(scope.repository)})`
      : sql`r.project_id = ${scope.projectId} and r.deleted_at is null`;
  return sql`
    with changed as materialized (select distinct repository_id as id from repository_change)
    select coalesce(sum(
      case when r.id in (select id from changed) then count_artifacts(r.id) else r.artifact_count end
    ), 0)::bigint as total
    from repository r where ${isWanted}`;
}

export async function findArtifact(
  db: Db,
  repository: RepositoryKey,
  reference: Reference,
  options: ArtifactOptions,
): Promise<ArtifactRow | undefined> {
  const { rows } = await sql<ArtifactRow>`
    select ${artifactColumns(options)}
    from live_repository r join live_manifest m on m.repository_id = r.id ${DESCRIPTION}
    where r.project_id = ${repository.projectId} and r.name = ${repository.name} and ${isMeant(reference)}`.execute(
    db,
  );
  return rows[0];
}

/** Of the manifest `m` in the repository `r`. */
function isMeant({ tag, digest }: Reference): RawBuilder<boolean> {
  return tag === undefined
    ? sql`m.digest = ${digestToBytes(digest)}`
    : sql`m.id = (select t.manifest_id from live_tag t where t.repository_id = r.id and t.name = ${tag})`;
}
