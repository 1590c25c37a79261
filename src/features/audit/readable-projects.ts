import type { Db } from '../../platform/db/connect.ts';
import { hasSystemPermission, listAllowedProjectIds, type Caller } from '../access/index.ts';
import type { AuditScope } from './store.ts';

/** The projects whose entries somebody may read. */
export async function listReadableProjects(db: Db, caller: Caller): Promise<AuditScope> {
  if (hasSystemPermission(caller, 'audit-log:list')) return 'all';
  return listAllowedProjectIds(db, caller, 'log:list');
}
