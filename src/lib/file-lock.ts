import {
  accessSync,
  closeSync,
  constants,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

const SQLITE_BUSY = 5;

export interface FileLock {
  release(): void;
}

/** Another process holds the lock. The message names it, as ` (process 4711)`, if that is known. */
export class LockedError extends Error {}

/**
 * A lock that dies with its process, however that ends, and holds between containers that share the folder.
 * Node has no flock; SQLite, which is part of Node, takes the kernel's record lock on the file for us.
 */
export function lockFile(file: string): FileLock {
  const ownerFile = `${file}-owner`;
  let database: DatabaseSync | undefined;
  try {
    closeSync(openSync(file, 'a', 0o600));
    database = new DatabaseSync(file, { timeout: 0 });
    // Without the right to write, SQLite would open the file for reading and lock nothing.
    accessSync(file, constants.W_OK);
    database.exec('begin exclusive');
    writeFileSync(ownerFile, `${process.pid}\n`);
  } catch (cause) {
    database?.close();
    if ((cause as { errcode?: number }).errcode !== SQLITE_BUSY) throw cause;
    throw new LockedError(describeOwner(ownerFile), { cause });
  }
  const held = database;
  return {
    release() {
      try {
        rmSync(ownerFile, { force: true });
      } finally {
        if (held.isOpen) held.close();
      }
    },
  };
}

function describeOwner(ownerFile: string): string {
  try {
    return ` (process ${readFileSync(ownerFile, 'utf8').trim()})`;
  } catch {
    return '';
  }
}
