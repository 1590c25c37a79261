import { realpathSync } from 'node:fs';

import { DATABASE, USER } from './initialise.ts';
import { isPostmasterOf, readPostmasterPid } from './postmaster-pid.ts';

/** How to reach the PostgreSQL that a running server has on this data folder; undefined when none runs. */
export function findRunningPostgres(
  dataDir: string,
): { host: string; port: number; user: string; database: string } | undefined {
  const postmaster = readPostmasterPid(dataDir);
  if (postmaster === undefined || !isPostmasterOf(postmaster.pid, realpathSync(dataDir))) {
    return undefined;
  }
  const { socketDirectory, port } = postmaster;
  return { host: socketDirectory, port, user: USER, database: DATABASE };
}
