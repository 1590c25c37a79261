import { randomUUID } from 'node:crypto';

import { sql } from 'kysely';

import { notFound, Refusal } from '../../lib/errors.ts';
import type { Db } from '../../platform/db/connect.ts';
import { isUniqueViolation } from '../../platform/db/errors.ts';

export interface Project {
  id: number;
  name: string;
  owner_id: number;
  owner_name: string;
  is_public: boolean;
  created_at: Date;
  updated_at: Date;
  repo_count: number;
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
      'p.created_at',
      'p.updated_at',
    ])
    .select(
      sql<number>`(select count(*) from live_repository r
        where r.project_id = p.id and r.first_pushed_at is not null)`.as('repo_count'),
    );

export interface ProjectFilter {
  /** Part of the name. */
  name?: string | undefined;
  isPublic?: boolean | undefined;
  /** Only public projects and those this user is a member of; null is an anonymous caller. */
  visibleTo?: number | null | undefined;
}

export async function listProjects(
  db: Db,
  filter: ProjectFilter,
  { limit, offset }: { limit: number; offset: number },
): Promise<{ projects: Project[]; total: number }> {
  const conditions = [sql<boolean>`true`];
  if (filter.name !== undefined) {
    conditions.push(sql<boolean>`position(lower(${filter.name}) in p.name) > 0`);
  }
  if (filter.isPublic !== undefined) {
    conditions.push(sql<boolean>`p.is_public = ${filter.isPublic}`);
  }
  if (filter.visibleTo !== undefined) {
    conditions.push(sql<boolean>`(p.is_public or exists (
      select from member m where m.project_id = p.id and m.user_id = ${filter.visibleTo}))`);
  }
  const where = sql<boolean>`${sql.join(conditions, sql` and `)}`;
  const projects = await selectProjects(db)
    .where(where)
    .orderBy('p.name')
    .limit(limit)
    .offset(offset)
    .execute();
  const { total } = await db
    .selectFrom('live_project as p')
    .where(where)
    .select(({ fn }) => fn.countAll<number>().as('total'))
    .executeTakeFirstOrThrow();
  return { projects, total };
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

export async function insertProject(
  db: Db,
  project: { name: string; owner_id: number; is_public: boolean },
): Promise<number> {
  try {
    const { id } = await db
      .insertInto('project')
      .values(project)
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

export async function updateProject(
  db: Db,
  id: number,
  change: { is_public: boolean },
): Promise<void> {
  await db
    .updateTable('project')
    .set({ ...change, updated_at: sql`now()` })
    .where('id', '=', id)
    .execute();
}

/** Puts the project into the trash. Refuses while it holds repositories. */
export async function deleteProject(db: Db, id: number): Promise<void> {
  await db.transaction().execute(async (tx) => {
    // Whoever pushes holds this row FOR KEY SHARE until the push is committed.
    await sql`select from project where id = ${id} for update`.execute(tx);
    const { rows } = await sql`
      select from live_repository where project_id = ${id} and first_pushed_at is not null limit 1`.execute(
      tx,
    );
    if (rows.length > 0) {
      throw new Refusal(
        'PRECONDITION',
        'precondition failed: the project holds repositories; delete them first',
      );
    }
    const { numUpdatedRows } = await tx
      .updateTable('project')
      .set({ deleted_at: sql`now()`, deletion_id: randomUUID() })
      .where('id', '=', id)
      .where('deleted_at', 'is', null)
      .executeTakeFirst();
    if (numUpdatedRows === 0n) throw notFound('project', id); // somebody else was quicker
  });
}
