import { sql } from 'kysely';

import { Refusal } from '../../../../lib/errors.ts';
import type { Db } from '../../../../platform/db/connect.ts';
import { isForeignKeyViolation, isUniqueViolation } from '../../../../platform/db/errors.ts';
import {
  booleanColumn,
  integerColumn,
  meets,
  orderBy,
  textColumn,
  timeColumn,
  type ListColumn,
  type ListFields,
} from '../../../../platform/db/list.ts';
import type { ListOptions } from '../../../../platform/http/paging.ts';
import type { Place } from '../../../access/index.ts';

/** Permissions in one place, as they were given. */
export type Grant = Place & { allowed: string[]; denied: string[] };
/** With the name of the project, in which a grant may be. */
type NamedGrant = Grant & { project: string | null };

export interface Robot {
  id: number;
  project_id: number | null;
  project: string | null;
  name: string;
  description: string;
  is_disabled: boolean;
  duration_days: number;
  expires_at: Date | null;
  creator_type: 'local' | 'robot';
  creator_id: number;
  created_at: Date;
  updated_at: Date;
  last_used_at: Date | null;
  grants: NamedGrant[];
  secrets: {
    id: number;
    created_at: string;
    expires_at: string | null;
    last_used_at: string | null;
  }[];
}

/** Of a project in the trash nothing is seen: neither its robots nor what others may do in it. */
const FROM = sql`robot r left join live_project p on p.id = r.project_id
  where (r.project_id is null or p.id is not null)`;

const COLUMNS = sql`r.id, r.project_id, p.name as project, r.name, r.description, r.is_disabled, r.duration_days,
  r.expires_at, r.creator_type, r.creator_id, r.created_at, r.updated_at, r.last_used_at,
  coalesce((
    select jsonb_agg(
      jsonb_build_object('scope', g.scope, 'projectId', g.project_id, 'project', gp.name,
        'allowed', g.allowed, 'denied', g.denied)
      order by g.scope desc, gp.name)
    from robot_permission g left join live_project gp on gp.id = g.project_id
    where g.robot_id = r.id and (g.project_id is null or gp.id is not null)
  ), '[]') as grants,
  coalesce((
    select jsonb_agg(
      jsonb_build_object('id', s.id, 'created_at', s.created_at, 'expires_at', s.expires_at,
        'last_used_at', s.last_used_at)
      order by s.id desc)
    from robot_secret s where s.robot_id = r.id and (s.expires_at is null or s.expires_at > now())
  ), '[]') as secrets`;

const sqlColumn = (column: ReturnType<typeof sql>, type: ListColumn['type']): ListColumn => ({
  column,
  type,
});

const LIST_FIELDS: ListFields = {
  id: integerColumn('r.id'),
  name: sqlColumn(sql`(coalesce(p.name || '+', '') || r.name)`, 'text'),
  description: textColumn('r.description'),
  disable: booleanColumn('r.is_disabled'),
  disabled: booleanColumn('r.is_disabled'),
  duration: integerColumn('r.duration_days'),
  expiresat: sqlColumn(sql`coalesce(extract(epoch from r.expires_at)::bigint, -1)`, 'integer'),
  creatortype: textColumn('r.creator_type'),
  creatorref: integerColumn('r.creator_id'),
  creationtime: timeColumn('r.created_at'),
  updatetime: timeColumn('r.updated_at'),
  lastusedtime: timeColumn('r.last_used_at'),
};

/** The robots of a project, or of the registry. */
export async function listRobots(
  db: Db,
  projectId: number | null,
  { conditions, sort, limit, offset }: ListOptions,
): Promise<{ robots: Robot[]; total: number }> {
  const where = sql`${FROM} and r.project_id is not distinct from ${projectId}
    and ${meets(LIST_FIELDS, conditions)}`;
  const { rows } = await sql<Robot>`
    select ${COLUMNS} from ${where}
    order by ${orderBy(LIST_FIELDS, sort, sql`r.name`)} limit ${limit} offset ${offset}`.execute(
    db,
  );
  const counted = await sql<{ total: number }>`select count(*) as total from ${where}`.execute(db);
  return { robots: rows, total: counted.rows[0]!.total };
}

export async function findRobot(db: Db, id: number): Promise<Robot | undefined> {
  const { rows } = await sql<Robot>`select ${COLUMNS} from ${FROM} and r.id = ${id}`.execute(db);
  return rows[0];
}

/** The ids of the live projects with these names. */
export async function findProjectIds(db: Db, names: string[]): Promise<Map<string, number>> {
  const { rows } = await sql<{ id: number; name: string }>`
    select id, name from live_project where name = any (${names})`.execute(db);
  return new Map(rows.map(({ id, name }) => [name, id]));
}

export interface RobotText {
  description: string;
  is_disabled: boolean;
  duration_days: number;
}

export interface NewRobot extends RobotText {
  project_id: number | null;
  name: string;
  creator_type: 'local' | 'robot';
  creator_id: number;
}

/** Times are those of PostgreSQL, which counts a day as 24 hours here, whatever clocks people set back. */
const expiry = (from: ReturnType<typeof sql>, days: number) =>
  sql<Date>`case when ${days}::int > 0 then ${from} + ${days}::int * interval '24 hours' end`;

/** Answers its id and when it expires; 409 when there is one of this name. */
export async function insertRobot(
  tx: Db,
  robot: NewRobot,
  grants: Grant[],
  hash: string,
): Promise<{ id: number; created_at: Date; expires_at: Date | null }> {
  try {
    const made = await tx
      .insertInto('robot')
      .values({ ...robot, expires_at: expiry(sql`now()`, robot.duration_days) })
      .returning(['id', 'created_at', 'expires_at'])
      .executeTakeFirstOrThrow();
    await insertGrants(tx, made.id, grants);
    await tx.insertInto('robot_secret').values({ robot_id: made.id, hash }).execute();
    return made;
  } catch (cause) {
    if (isUniqueViolation(cause)) {
      throw new Refusal('CONFLICT', `conflict: there is a robot account ${robot.name} already`, {
        cause,
      });
    }
    throw explainGone(cause);
  }
}

/** False: it is gone. A change of rights ends the bearer tokens from before. */
export async function updateRobot(
  tx: Db,
  id: number,
  robot: RobotText,
  { grants, haveChanged }: { grants: Grant[]; haveChanged: boolean },
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('robot')
    .set({
      ...robot,
      expires_at: expiry(sql`created_at`, robot.duration_days),
      ...(haveChanged ? { rights_changed_at: sql`now()` } : {}),
      updated_at: sql`now()`,
    })
    .where('id', '=', id)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return false;
  // Who changed it has not seen what it may do in projects in the trash.
  await sql`delete from robot_permission where robot_id = ${id}
    and (project_id is null or project_id in (select id from live_project))`.execute(tx);
  try {
    await insertGrants(tx, id, grants);
  } catch (cause) {
    throw explainGone(cause);
  }
  return true;
}

async function insertGrants(tx: Db, robotId: number, grants: Grant[]): Promise<void> {
  const rows = grants.map(({ scope, projectId, allowed, denied }) => ({
    robot_id: robotId,
    scope,
    project_id: projectId,
    allowed,
    denied,
  }));
  await tx.insertInto('robot_permission').values(rows).execute();
}

function explainGone(cause: unknown): unknown {
  if (!isForeignKeyViolation(cause)) return cause;
  return new Refusal('NOT_FOUND', 'a project of its permissions is not there any more', { cause });
}

/**
 * Gives the robot another secret. The one before ends now, or lives on until `keepOldUntil`; what is older ends
 * now. False: the robot is gone.
 */
export async function replaceSecret(
  tx: Db,
  robotId: number,
  hash: string,
  keepOldUntil: Date | undefined,
): Promise<boolean> {
  if (!(await lockRobot(tx, robotId))) return false;
  await tx
    .deleteFrom('robot_secret')
    .where('robot_id', '=', robotId)
    .$if(keepOldUntil !== undefined, (query) => query.where('expires_at', 'is not', null))
    .execute();
  if (keepOldUntil !== undefined) {
    await tx
      .updateTable('robot_secret')
      .set({ expires_at: keepOldUntil })
      .where('robot_id', '=', robotId)
      .execute();
  }
  await tx
    .updateTable('robot')
    .set({ updated_at: sql`now()` })
    .where('id', '=', robotId)
    .execute();
  await tx.insertInto('robot_secret').values({ robot_id: robotId, hash }).execute();
  return true;
}

/** Nobody else changes the robot until `tx` ends. False: it is gone. */
export async function lockRobot(tx: Db, id: number): Promise<boolean> {
  const { rows } = await sql`select from robot where id = ${id} for update`.execute(tx);
  return rows.length > 0;
}

/** False: it is gone. */
export async function deleteRobot(tx: Db, id: number): Promise<boolean> {
  const { numDeletedRows } = await tx.deleteFrom('robot').where('id', '=', id).executeTakeFirst();
  return numDeletedRows > 0n;
}
