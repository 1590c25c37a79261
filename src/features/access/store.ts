import { sql } from 'kysely';

import { Refusal } from '../../lib/errors.ts';
import { requireStorable, type BatchedStatement } from '../../platform/db/batched-query.ts';
import type { Db } from '../../platform/db/connect.ts';
import { isForeignKeyViolation, isUniqueViolation } from '../../platform/db/errors.ts';
import { contains } from '../../platform/db/list.ts';
import type { Lookups } from '../../platform/db/lookups.ts';
import type { Caller } from './caller.ts';
import type { RobotRight } from './robot-rights.ts';
import { findRole, ROLE_IDS, type Role } from './roles.ts';

/** A project as seen by one user or robot: what access decides on. */
export interface ProjectStanding {
  id: number;
  name: string;
  isPublic: boolean;
  roles: Role[];
  /** What a robot has been given. */
  permissions: readonly string[];
}

interface StandingRow {
  id: number;
  name: string;
  is_public: boolean;
  role_ids: number[];
  permissions: string[];
}

function toStanding({ id, name, is_public, role_ids, permissions }: StandingRow): ProjectStanding {
  const roles = role_ids.flatMap((role) => findRole(role) ?? []);
  return { id, name, isPublic: is_public, roles, permissions };
}

interface StandingKey {
  project: { name: string } | { id: number };
  userId: number | undefined;
  robotId: number | undefined;
}

const FIND_STANDING: BatchedStatement<StandingKey> = {
  name: 'standing',
  text: `select wanted.position::int as position, p.id, p.name, p.is_public,
      array(select distinct r.role_id from project_role r
        where r.project_id = p.id and r.user_id = wanted.user_id) as role_ids,
      case when wanted.robot_id is null then '{}' else array(
        select unnest(r.allowed) from robot_right r
        where r.robot_id = wanted.robot_id and (r.scope = 'all-projects' or r.project_id = p.id)
        except
        select unnest(r.denied) from robot_right r
        where r.robot_id = wanted.robot_id and (r.scope = 'all-projects' or r.project_id = p.id)
      ) end as permissions
    from unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[])
      with ordinality as wanted (id, name, user_id, robot_id, position)
    join live_project p on p.id = coalesce(wanted.id, (select n.id from live_project n where n.name = wanted.name))`,
  toColumns: (keys) => [
    keys.map(({ project }) => ('id' in project ? project.id : null)),
    keys.map(({ project }) => ('name' in project ? project.name : null)),
    keys.map(({ userId }) => userId ?? null),
    keys.map(({ robotId }) => robotId ?? null),
  ],
};

export async function findStanding(
  lookups: Lookups,
  project: StandingKey['project'],
  { user, robot }: Caller,
): Promise<ProjectStanding | undefined> {
  if ('name' in project) requireStorable(project.name);
  const find = lookups.batch<StandingKey, StandingRow>(FIND_STANDING);
  const row = await find({ project, userId: user?.id, robotId: robot?.id });
  return row && toStanding(row);
}

const FIND_READ_ONLY: BatchedStatement<number> = {
  name: 'read-only project',
  text: `select wanted.position::int as position, p.name
    from unnest($1::bigint[]) with ordinality as wanted (id, position)
    join live_project p on p.id = wanted.id where p.is_read_only`,
  toColumns: (ids) => [ids],
};

/** The name of the project if what is stored in it can't be changed. */
export async function findReadOnlyProject(
  lookups: Lookups,
  id: number,
): Promise<string | undefined> {
  const row = await lookups.batch<number, { name: string }>(FIND_READ_ONLY)(id);
  return row?.name;
}

/** The roles that the user has, by the ids of the projects. */
export async function listOwnRoles(db: Db, userId: number): Promise<Map<number, Role[]>> {
  const { rows } = await sql<{ project_id: number; role_ids: number[] }>`
    select project_id, array_agg(distinct role_id) as role_ids from project_role
    where user_id = ${userId} group by project_id`.execute(db);
  return new Map(
    rows.map(({ project_id, role_ids }) => [
      project_id,
      role_ids.flatMap((id) => findRole(id) ?? []),
    ]),
  );
}

/** The ids of the projects, in the trash or not, in which one of these roles is the user's. */
export async function listProjectIdsByRole(
  db: Db,
  userId: number,
  roles: Role[],
): Promise<number[]> {
  const rows = await db
    .selectFrom('project_role')
    .select('project_id')
    .distinct()
    .$narrowType<{ project_id: number }>()
    .where('user_id', '=', userId)
    .where(sql<boolean>`role_id = any (${roles.map((role) => ROLE_IDS[role])})`)
    .execute();
  return rows.map((row) => row.project_id);
}

/** What the robot has been given, and what that implies. */
export async function listRobotRights(db: Db, robotId: number): Promise<RobotRight[]> {
  const { rows } = await sql<RobotRight>`
    select scope, project_id as "projectId", allowed, denied from robot_right
    where robot_id = ${robotId}`.execute(db);
  return rows;
}

/** The ids of all projects, in the trash or not, but these. */
export async function listOtherProjectIds(db: Db, except: number[]): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select id from project where id <> all (${except}::bigint[])`.execute(db);
  return rows.map(({ id }) => id);
}

/** A user or a group that has a role in a project. */
export interface Member {
  id: number;
  project_id: number;
  entity_type: 'u' | 'g';
  entity_id: number;
  entity_name: string;
  role_id: number;
}

const selectMembers = (db: Db) =>
  db
    .selectFrom('member as m')
    .leftJoin('user_account as u', (join) =>
      join.onRef('u.id', '=', 'm.user_id').on('u.deleted_at', 'is', null),
    )
    .leftJoin('user_group as g', 'g.id', 'm.group_id')
    .where(sql<boolean>`num_nonnulls(u.id, g.id) = 1`)
    .select([
      'm.id',
      'm.project_id',
      sql<'u' | 'g'>`case when g.id is null then 'u' else 'g' end`.as('entity_type'),
      sql<number>`coalesce(u.id, g.id)`.as('entity_id'),
      sql<string>`coalesce(u.username, g.group_name)`.as('entity_name'),
      'm.role_id',
    ]);

export async function listMembers(
  db: Db,
  projectId: number,
  { name, limit, offset }: { name?: string | undefined; limit: number; offset: number },
): Promise<{ members: Member[]; total: number }> {
  let query = selectMembers(db).where('m.project_id', '=', projectId);
  if (name !== undefined) {
    query = query.where(contains(sql`coalesce(u.username, g.group_name)`, name));
  }
  const members = await query
    .orderBy('entity_name')
    .orderBy('m.id')
    .limit(limit)
    .offset(offset)
    .execute();
  const { total } = await query
    .clearSelect()
    .select(({ fn }) => fn.countAll<number>().as('total'))
    .executeTakeFirstOrThrow();
  return { members, total };
}

export async function findMember(
  db: Db,
  projectId: number,
  id: number,
): Promise<Member | undefined> {
  return selectMembers(db)
    .where('m.project_id', '=', projectId)
    .where('m.id', '=', id)
    .executeTakeFirst();
}

/** Who gets a role. */
export type NewMember = { project_id: number; role: Role } & (
  | { user_id: number }
  | { group_id: number }
);

/** Gives a user or a group a role in a project; 409 when they have one already. Answers the member's id. */
export async function insertMember(db: Db, { role, ...member }: NewMember): Promise<number> {
  try {
    const { id } = await db
      .insertInto('member')
      .values({ ...member, role_id: ROLE_IDS[role] })
      .returning('id')
      .executeTakeFirstOrThrow();
    return id;
  } catch (cause) {
    if (isUniqueViolation(cause)) {
      throw new Refusal('CONFLICT', 'they are a member of the project already', { cause });
    }
    if (isForeignKeyViolation(cause)) {
      throw new Refusal('NOT_FOUND', 'the project, the user or the group is not there any more', {
        cause,
      });
    }
    throw cause;
  }
}

/** Answers whether there was such a member. */
export async function updateMemberRole(
  db: Db,
  projectId: number,
  id: number,
  role: Role,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('member')
    .set({ role_id: ROLE_IDS[role], updated_at: sql`now()` })
    .where('project_id', '=', projectId)
    .where('id', '=', id)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Answers whether there was such a member. */
export async function deleteMember(db: Db, projectId: number, id: number): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('member')
    .where('project_id', '=', projectId)
    .where('id', '=', id)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

/** Takes all roles in projects from a user or a group that is being deleted, and writes that down. */
export async function removeMemberships(
  tx: Db,
  who: { user_id: number; user: string } | { group_id: number; user_group: string },
  { actor, client }: { actor: string; client: string },
): Promise<void> {
  const [isTheirs, subject] =
    'user_id' in who
      ? [sql`user_id = ${who.user_id}`, { user: who.user }]
      : [sql`group_id = ${who.group_id}`, { user_group: who.user_group }];
  await sql`
    with gone as (
      delete from member where ${isTheirs} returning project_id, role_id
    )
    select emit_event(
      'project.member_removed', p.id, jsonb_build_object('project', p.name) || ${JSON.stringify(subject)}::jsonb,
      jsonb_build_object('role_id', gone.role_id), null, ${actor}, ${client}
    )
    from gone join project p on p.id = gone.project_id order by p.id`.execute(tx);
}
