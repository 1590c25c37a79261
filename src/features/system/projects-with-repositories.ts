import type { Db } from '../../platform/db/connect.ts';
import { listAllowedProjectIds, type Caller } from '../access/index.ts';
import type { Visible } from './store.ts';

/** Of the projects that somebody sees, those whose repositories too: a robot may see a project and nothing in it. */
export async function listProjectsWithRepositories(
  db: Db,
  caller: Caller,
  visibleIn: Visible,
): Promise<Visible> {
  if (caller.robot === undefined) return visibleIn;
  return listAllowedProjectIds(db, caller, 'repository:list');
}
