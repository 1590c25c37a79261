import { closeSync, fsyncSync, linkSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** Writes a file of mode 0600, whole or not at all, durably. */
export function writePrivateFile(file: string, text: string): void {
  const partial = writePartial(file, text);
  try {
    replaceFile(file, partial);
  } catch (cause) {
    rmSync(partial, { force: true });
    throw cause;
  }
}

/** Puts another file of the same folder in the place of this one, durably. */
export function replaceFile(file: string, other: string): void {
  renameSync(other, file);
  syncFolderOf(file);
}

/** The same, unless the file is there already, made by another process perhaps in this moment. */
export function createPrivateFile(file: string, text: string): void {
  const partial = writePartial(file, text);
  try {
    linkSync(partial, file);
    syncFolderOf(file);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
  } finally {
    rmSync(partial, { force: true });
  }
}

function writePartial(file: string, text: string): string {
  const partial = `${file}.${process.pid}.partial`;
  const handle = openSync(partial, 'w', 0o600);
  try {
    writeSync(handle, text);
    fsyncSync(handle);
  } catch (cause) {
    rmSync(partial, { force: true });
    throw cause;
  } finally {
    closeSync(handle);
  }
  return partial;
}

function syncFolderOf(file: string): void {
  const folder = openSync(dirname(file), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
