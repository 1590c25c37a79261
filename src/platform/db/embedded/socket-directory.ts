import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmdirSync,
  rmSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { RunAs } from './run-as.ts';

export const PORT = 5432;

// sun_path holds 108 bytes on Linux and 104 on macOS, the last of them zero.
const LIMIT_BYTES = process.platform === 'linux' ? 107 : 103;
const SOCKET_NAME = `/.s.PGSQL.${PORT}`;

/**
 * Makes the private folder of the socket. Not in XDG_RUNTIME_DIR: that goes away when the user logs out,
 * under a server that keeps running.
 */
export function makeSocketDirectory(dataDir: string, runAs: RunAs): string {
  const hash = createHash('sha256').update(dataDir).digest('hex').slice(0, 16);
  const name = `roadstead-${process.getuid!()}-${hash}`;
  const bases = [...new Set(['/tmp', os.tmpdir(), path.dirname(dataDir)])];
  const problems: string[] = [];
  for (const directory of bases.map((base) => path.join(base, name)).filter(isUsablePath)) {
    try {
      mkdirSync(directory, { mode: 0o700 });
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== 'EEXIST') {
        problems.push(message);
        continue;
      }
      requireOurs(directory, runAs);
    }
    emptyOfSockets(directory);
    chmodSync(directory, 0o700);
    if (runAs.kind === 'user') chownSync(directory, runAs.uid, runAs.gid);
    return directory;
  }
  throw new Error(`No folder for PostgreSQL's socket could be made. ${problems.join('; ')}`);
}

export function removeSocketDirectory(directory: string): void {
  try {
    emptyOfSockets(directory);
    rmdirSync(directory);
  } catch {
    // It is reused at the next start.
  }
}

/** Short enough, and nothing that PostgreSQL's list of directories would need in quotes. */
function isUsablePath(directory: string): boolean {
  return Buffer.byteLength(directory + SOCKET_NAME) <= LIMIT_BYTES && /^[\w/.-]+$/.test(directory);
}

/** Somebody who got there first could listen in our place. */
function requireOurs(directory: string, runAs: RunAs): void {
  const stats = lstatSync(directory);
  const isOurs = stats.uid === process.getuid!() || stats.uid === runAs.uid;
  if (!stats.isDirectory() || !isOurs) {
    throw new Error(
      `${directory} is to hold PostgreSQL's socket, but it is ${stats.isSymbolicLink() ? 'a symbolic link' : 'not a folder of this user'} ` +
        `(user id ${stats.uid}). Find out who made it and remove it.`,
    );
  }
}

/** What a killed postmaster left; a lock file with a process id that is in use again would stop the next. */
function emptyOfSockets(directory: string): void {
  for (const name of readdirSync(directory)) {
    if (name.startsWith('.s.PGSQL.')) rmSync(path.join(directory, name), { force: true });
  }
}
