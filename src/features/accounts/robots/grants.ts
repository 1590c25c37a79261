import { notFound } from '../../../lib/errors.ts';
import type { Db } from '../../../platform/db/connect.ts';
import { listRobotRights, type Caller } from '../../access/index.ts';
import { lacking, requireWithin, type Level, type WantedGrant } from './permissions.ts';
import * as store from './store/robots.ts';

/** The wanted permissions, with the ids of their projects. Only an administrator is told that there is no such project. */
export async function findGrants(
  db: Db,
  { user }: Caller,
  wanted: WantedGrant[],
): Promise<store.Grant[]> {
  const names = wanted.filter(({ kind }) => kind === 'project').map(({ namespace }) => namespace);
  const ids = await store.findProjectIds(db, names);
  return wanted.map(({ kind, namespace, allowed, denied }) => {
    if (kind === 'system') return { scope: 'system', projectId: null, allowed, denied };
    if (namespace === '*') return { scope: 'all-projects', projectId: null, allowed, denied };
    const projectId = ids.get(namespace);
    if (projectId !== undefined) return { scope: 'project', projectId, allowed, denied };
    throw user?.isSysadmin === true ? notFound('project', namespace) : lacking(allowed[0]);
  });
}

/**
 * Passes when the caller has all of these rights. A user who may make a robot has every right it can have there;
 * a robot is asked for its own, which nobody changes until `tx` ends.
 */
export async function requireOwn(
  tx: Db,
  { robot }: Caller,
  level: Level,
  grants: store.Grant[],
): Promise<void> {
  if (robot === undefined) return;
  await store.lockRobot(tx, robot.id);
  requireWithin(level, grants, await listRobotRights(tx, robot.id));
}
