import { sql, type RawBuilder } from 'kysely';

import type { Db } from '../../../platform/db/connect.ts';
import {
  integerColumn,
  meets,
  orderBy,
  textColumn,
  timeColumn,
  type ListFields,
} from '../../../platform/db/list.ts';
import { retryConflicts } from '../../../platform/db/transaction.ts';
import type { ListOptions } from '../../../platform/http/paging.ts';
import type { RepositoryKey } from '../../access/index.ts';

/** What a list shows of a repository. */
export interface RepositoryOverview {
  id: number;
  project_id: number;
  name: string;
  description: string;
  /** Those at the top: no accessories, and nothing without a tag that an index lists. */
  artifact_count: number;
  pull_count: number;
  created_at: Date;
  updated_at: Date;
}

/** The columns of the row are behind for those that changed in the last moment: these are counted now. */
const COLUMNS = sql`r.id, r.project_id, r.name, r.description, r.pull_count, r.created_at,
  case when change.at is null then r.artifact_count else count_artifacts(r.id) end as artifact_count,
  greatest(r.updated_at, change.at) as updated_at`;
const CHANGE = sql`
  left join lateral (
    select max(c.changed_at) as at from repository_change c where c.repository_id = r.id
  ) change on true`;

const LIST_FIELDS: ListFields = {
  id: integerColumn('r.id'),
  repositoryid: integerColumn('r.id'),
  projectid: integerColumn('r.project_id'),
  name: textColumn('r.name'),
  description: textColumn('r.description'),
  pullcount: integerColumn('r.pull_count'),
  artifactcount: integerColumn('r.artifact_count'),
  creationtime: timeColumn('r.created_at'),
  updatetime: timeColumn('r.updated_at'),
};

/** Repositories of one project, or those that somebody may see: in public projects and in these. */
export type RepositoryScope = { projectId: number } | { visibleIn: number[] | 'all' };

/** The youngest first, if nothing else is asked for. Only those that something was pushed to. */
export async function listRepositories(
  db: Db,
  scope: RepositoryScope,
  { conditions, sort, limit, offset }: ListOptions,
): Promise<{ repositories: RepositoryOverview[]; total: number }> {
  const from = sql`
    from repository r
    where r.deleted_at is null and r.first_pushed_at is not null
      and ${isInScope(scope)} and ${meets(LIST_FIELDS, conditions)}`;
  const order = sql`order by ${orderBy(LIST_FIELDS, sort, sql`r.created_at desc, r.id desc`)}`;
  // Cut into a page by the index, before anything else of the rows is looked at.
  const { rows } = await sql<RepositoryOverview>`
    select ${COLUMNS}
    from (select r.id ${from} ${order} limit ${limit} offset ${offset}) page
    join repository r on r.id = page.id ${CHANGE} ${order}`.execute(db);
  const total = conditions.length === 0 ? countAll(scope) : sql`select count(*) as total ${from}`;
  const counted = await sql<{ total: number }>`${total}`.execute(db);
  return { repositories: rows, total: counted.rows[0]!.total };
}

const countAll = (scope: RepositoryScope) => sql`
  select coalesce(sum(r.number), 0)::bigint as total from project_repositories r where ${isInScope(scope)}`;

function isInScope(scope: RepositoryScope): RawBuilder<boolean> {
  // The caller has asked for the project: joining it took most of the time.
  if ('projectId' in scope) return sql`r.project_id = ${scope.projectId}`;
  const { visibleIn } = scope;
  // Of all repositories few are in the trash with their projects: that is quicker to ask than where all others are.
  if (visibleIn === 'all') {
    return sql`r.project_id not in (select id from project where deleted_at is not null)`;
  }
  return sql`r.project_id in (
    select id from live_project where is_public or id = any (${visibleIn}::bigint[]))`;
}

export async function findRepository(
  db: Db,
  { projectId, name }: RepositoryKey,
): Promise<RepositoryOverview | undefined> {
  const { rows } = await sql<RepositoryOverview>`
    select ${COLUMNS} from live_repository r ${CHANGE}
    where r.project_id = ${projectId} and r.name = ${name} and r.first_pushed_at is not null`.execute(
    db,
  );
  return rows[0];
}

/** Answers what the description was; undefined when there is no such repository. */
export async function updateDescription(
  tx: Db,
  { projectId, name }: RepositoryKey,
  description: string,
): Promise<string | undefined> {
  const { rows } = await sql<{ before: string }>`
    update repository r set description = ${description}, updated_at = now()
    from (
      select id, description from live_repository
      where project_id = ${projectId} and name = ${name} and first_pushed_at is not null
    ) old
    where r.id = old.id returning old.description as before`.execute(tx);
  return rows[0]?.before;
}

/** To be called by whoever changes artifacts or tags of the repository. */
export async function markRepositoryChanged(tx: Db, repositoryId: number): Promise<void> {
  await sql`select mark_repository_changed(${repositoryId})`.execute(tx);
}

/** Counts the repositories of projects anew, as far as up to `limit` changes tell. Answers how many changes that was. */
export async function countChangedProjects(db: Db, limit: number): Promise<number> {
  const statement = sql<{ changes: number }>`select count_changed_projects(${limit}) as changes`;
  const { rows } = await retryConflicts(() => statement.execute(db));
  return rows[0]!.changes;
}

/** Counts the artifacts of repositories anew, as far as up to `limit` changes tell. Answers how many changes that was. */
export async function countChangedRepositories(db: Db, limit: number): Promise<number> {
  const statement = sql<{
    changes: number;
  }>`select count_changed_repositories(${limit}) as changes`;
  const { rows } = await retryConflicts(() => statement.execute(db));
  return rows[0]!.changes;
}
