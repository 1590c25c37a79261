import type { Db } from '../../platform/db/connect.ts';
import { findUnfinishedRestore } from './store.ts';

/** Refuses a database that a restore has not brought all blobs of. */
export async function requireRestored(db: Db): Promise<void> {
  const restore = await findUnfinishedRestore(db);
  if (restore === undefined) return;
  const { backup, folder } = restore;
  throw new Error(
    `the restore of ${backup} is not finished; go on with it: roadstead restore ${folder} --backup ${backup}`,
  );
}
