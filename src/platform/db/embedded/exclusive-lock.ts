import { accessSync, constants, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

const SQLITE_BUSY = 5;

export interface ExclusiveLock {
  release(): void;
}

/**
 * A lock that dies with its process, however that ends, and holds between containers that share the folder.
 * Node has no flock; SQLite, which is part of Node, takes the kernel's record lock on the file for us.
 */
export function takeExclusiveLock(file: string): ExclusiveLock {
  const ownerFile = `${file}-owner`;
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { timeout: 0 });
    // Without the right to write, SQLite would open the file for reading and lock nothing.
    accessSync(file, constants.W_OK);
    database.exec('begin exclusive');
    writeFileSync(ownerFile, `${process.pid}\n`);
  } catch (cause) {
    database?.close();
    if ((cause as { errcode?: number }).errcode === SQLITE_BUSY) {
      throw new Error(
        `Another roadstead server${describeOwner(ownerFile)} is running on this data folder (it holds ${file}). ` +
          'Stop it first, or choose another folder with ROADSTEAD_DATA.',
        { cause },
      );
    }
    throw new Error(
      `The data folder cannot be used by this user (id ${process.getuid!()}): its lock ${file} says ` +
        `"${(cause as Error).message}". Start roadstead as the user who owns the folder.`,
      { cause },
    );
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
