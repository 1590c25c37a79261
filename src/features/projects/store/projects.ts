import { sql } from 'kysely';

import { Refusal } from '../../../lib/errors.ts';
import type { Db } from '../../../platform/db/connect.ts';
import {
  booleanColumn,
  contains,
  integerColumn,
  meets,
  orderBy,
  textColumn,
  timeColumn,
  type ListFields,
} from '../../../platform/db/list.ts';
import { isUniqueViolation } from '../../../platform/db/errors.ts';
import type { ListOptions } from '../../../platform/http/paging.ts';
import type { StoredMetadata } from '../metadata.ts';
import { allowlistJson, type Allowlist } from './allowlists.ts';

export interface Project extends StoredMetadata {
  id: number;
  name: string;
  owner_id: number;
  owner_name: string;
  created_at: Date;
  updated_at: Date;
  repo_count: number;
  /** Null: it was never set. */
  allowlist: Allowlist | null;
}

const selectProjects = (db: Db) =>
  db
    .selectFrom('live_project as p')
    .innerJoin('user_account as u', 'u.id', 'p.owner_id')
    .select([
      'p.id',
      'p.name',
      'p.owner_id',
      'u.username as owner_name',
      'p.is_public',
      'p.is_read_only',
      'p.trash_days',
      'p.metadata',
      'p.created_at',
      'p.updated_at',
    ])
    .select([
      sql<number>`(select r.number from project_repositories r where r.project_id = p.id)`.as(
        'repo_count',
      ),
      sql<Allowlist | null>`(
        select ${allowlistJson} from cve_allowlist a where a.project_id = p.id)`.as('allowlist'),
    ])
    .$castTo<Project>();

const LIST_FIELDS: ListFields = {
  projectid: integerColumn('p.id'),
  name: textColumn('p.name'),
  ownerid: integerColumn('p.owner_id'),
  owner: textColumn('u.username'),
  public: booleanColumn('p.is_public'),
  creationtime: timeColumn('p.created_at'),
  updatetime: timeColumn('p.updated_at'),
};

export interface ProjectFilter {
  /** Part of the name. */
  name?: string | undefined;
  isPublic?: boolean | undefined;
  /** The whole user name. */
  owner?: string | undefined;
  /** Only public projects and these. */
  visible: number[] | 'all';
}

export async function listProjects(
  db: Db,
  filter: ProjectFilter,
  { conditions: asked, sort, limit, offset }: ListOptions,
): Promise<{ projects: Project[]; total: number }> {
  const conditions = [meets(LIST_FIELDS, asked)];
  if (filter.name !== undefined) {
    conditions.push(contains(sql`p.name`, filter.name));
  }
  if (filter.isPublic !== undefined) {
    conditions.push(sql<boolean>`p.is_public = ${filter.isPublic}`);
  }
  if (filter.owner !== undefined) {
    conditions.push(sql<boolean>`u.username = ${filter.owner}`);
  }
  if (filter.visible !== 'all') {
    conditions.push(sql<boolean>`(p.is_public or p.id = any (${filter.visible}::bigint[]))`);
  }
  const where = sql<boolean>`${sql.join(conditions, sql` and `)}`;
  const projects = await selectProjects(db)
    .where(where)
    .orderBy(orderBy(LIST_FIELDS, sort, sql`p.name`))
    .limit(limit)
    .offset(offset)
    .execute();
  const { total } = await db
    .selectFrom('live_project as p')
    .innerJoin('user_account as u', 'u.id', 'p.owner_id')
    .where(where)
    .select(({ fn }) => fn.countAll<number>().as('total'))
    .executeTakeFirstOrThrow();
  return { projects, total };
}

/** Projects whose names contain the text, in the order of names: public ones and these. */
export async function searchProjects(
  db: Db,
  { text, visibleIn }: { text: string; visibleIn: number[] | 'all' },
  { limit, offset }: { limit: number; offset: number },
): Promise<Project[]> {
  return selectProjects(db)
    .where(contains(sql`p.name`, text))
    .where(
      visibleIn === 'all'
        ? sql<boolean>`true`
        : sql<boolean>`(p.is_public or p.id = any (${visibleIn}::bigint[]))`,
    )
    .orderBy('p.name')
    .limit(limit)
    .offset(offset)
    .execute();
}

export async function findProject(db: Db, id: number): Promise<Project | undefined> {
  return selectProjects(db).where('p.id', '=', id).executeTakeFirst();
}

export async function projectExists(db: Db, name: string): Promise<boolean> {
  const row = await db
    .selectFrom('live_project')
    .select('id')
    .where('name', '=', name)
    .executeTakeFirst();
  return row !== undefined;
}

export interface NewProject extends StoredMetadata {
  name: string;
  owner_id: number;
}

export async function insertProject(db: Db, project: NewProject): Promise<number> {
  try {
    const { id } = await db
      .insertInto('project')
      .values({ ...project, metadata: JSON.stringify(project.metadata) })
      .returning('id')
      .executeTakeFirstOrThrow();
    return id;
  } catch (cause) {
    if (isUniqueViolation(cause)) {
      throw new Refusal('CONFLICT', `conflict: the project ${project.name} already exists`, {
        cause,
      });
    }
    throw cause;
  }
}

/** The metadata of a project, which nobody else changes until the transaction ends. */
export async function lockMetadata(tx: Db, id: number): Promise<StoredMetadata | undefined> {
  const row = await tx
    .selectFrom('project')
    .select(['is_public', 'is_read_only', 'trash_days', 'metadata'])
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .forNoKeyUpdate()
    .$castTo<StoredMetadata>()
    .executeTakeFirst();
  return row;
}

export async function updateMetadata(
  tx: Db,
  id: number,
  { metadata, ...columns }: StoredMetadata,
): Promise<void> {
  await tx
    .updateTable('project')
    .set({ ...columns, metadata: JSON.stringify(metadata), updated_at: sql`now()` })
    .where('id', '=', id)
    .execute();
}
