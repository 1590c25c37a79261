import { chmodSync, lchownSync, lstatSync, readdirSync } from 'node:fs';
import path from 'node:path';
import type { RunAs } from './run-as.ts';

/** Makes the data folder belong to whom PostgreSQL runs as, with the mode it insists on. */
export function takeOwnership(folder: string, runAs: RunAs): void {
  const { uid, mode } = lstatSync(folder);
  if (uid !== runAs.uid) {
    if (process.getuid!() !== 0) {
      throw new Error(
        `The data folder ${folder} belongs to user id ${uid}, not to ${runAs.uid}. ` +
          'Start roadstead as that user, or as root, or give the folder to this user (chown -R).',
      );
    }
    changeOwner(folder, runAs);
  }
  // Kubernetes' fsGroup and some restores widen the mode; PostgreSQL would refuse to start.
  if ((mode & 0o777) !== 0o700) chmodSync(folder, 0o700);
}

/** The folder itself comes last, so that a change that was cut short is seen and done again. */
function changeOwner(file: string, { uid, gid }: { uid: number; gid: number }): void {
  if (lstatSync(file).isDirectory()) {
    for (const name of readdirSync(file)) changeOwner(path.join(file, name), { uid, gid });
  }
  lchownSync(file, uid, gid);
}
