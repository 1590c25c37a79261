import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

import { lockFile, LockedError, type FileLock } from '../../lib/file-lock.ts';
import { writePrivateFile } from '../../lib/write-private-file.ts';
import { writeManifest, type Manifest } from './manifest.ts';

/** Says that a folder is one of backups, and of which registry. */
const SIGN = 'roadstead-backups.json';
interface Sign {
  id: string;
  registry?: string | undefined;
}

const NAME = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z$/;
const UNFINISHED = /^\.\S+\.partial$/;

/** A folder of backups that this process may write to, alone. */
export interface OpenFolder {
  root: string;
  /** Tells folders of backups apart. */
  id: string;
  lock: FileLock;
  /** What a run that was cut off left is gone. */
  hadLeftovers: boolean;
}

/** Opens a folder of backups, or makes it, and keeps every other run off it. */
export async function openFolder(dir: string, registry: string | undefined): Promise<OpenFolder> {
  const root = resolve(dir);
  await makeFolder(root);
  const entries = await readdir(root);
  if (!entries.includes(SIGN) && entries.some((entry) => !entry.startsWith('lock'))) {
    throw new Error(
      `${root} holds other things than backups: choose an empty folder, or a new one`,
    );
  }
  const lock = takeLock(root);
  try {
    const { id } = await readSign(root, registry);
    return { root, id, lock, hadLeftovers: await removeUnfinished(root) };
  } catch (cause) {
    lock.release();
    throw cause;
  }
}

/** Not its parents: where they are missing, the disk that should be there is not mounted. */
async function makeFolder(root: string): Promise<void> {
  try {
    await mkdir(root, { mode: 0o700 });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') {
      throw new Error(`${dirname(root)} is not there: is its disk mounted?`, { cause });
    }
    if (code !== 'EEXIST') throw cause;
    const found = await stat(root).catch(() => undefined);
    if (found?.isDirectory() !== true) throw new Error(`${root} is not a folder`, { cause });
  }
}

/** Takes away what is no whole backup. False: there was nothing. */
export async function removeUnfinished(root: string): Promise<boolean> {
  const entries = (await readdir(root)).filter((entry) => UNFINISHED.test(entry));
  for (const entry of entries) await rm(join(root, entry), { recursive: true });
  return entries.length > 0;
}

function takeLock(root: string): FileLock {
  const file = join(root, 'lock');
  try {
    return lockFile(file);
  } catch (cause) {
    const { message } = cause as Error;
    throw new Error(
      cause instanceof LockedError
        ? `another run${message} is writing to ${root}: wait until it has ended`
        : `${file} cannot be locked: ${message}`,
      { cause },
    );
  }
}

/** Backups of two registries in one folder would push each other out. */
async function readSign(root: string, registry: string | undefined): Promise<Sign> {
  const file = join(root, SIGN);
  if (!existsSync(file)) {
    const sign: Sign = { id: randomUUID(), registry };
    writePrivateFile(file, `${JSON.stringify(sign)}\n`);
    return sign;
  }
  const sign = parseSign(file, await readFile(file, 'utf8'));
  if (registry === undefined || sign.registry === undefined || sign.registry === registry) {
    return sign;
  }
  throw new Error(
    `${root} holds backups of another registry (${sign.registry}, this is ${registry}): choose another folder`,
  );
}

function parseSign(file: string, text: string): Sign {
  try {
    return JSON.parse(text) as Sign;
  } catch (cause) {
    throw new Error(
      `${file} is damaged: bring it back from a copy, or choose another folder; what is in this one can be restored all the same`,
      { cause },
    );
  }
}

/** The names of the backups in a folder, the newest first. Throws when it is no folder of backups. */
export async function listNames(root: string): Promise<string[]> {
  const entries = await readdir(root).catch((cause: NodeJS.ErrnoException): string[] => {
    if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return [];
    throw cause;
  });
  if (!entries.includes(SIGN)) throw new Error(`${root} is not a folder of backups`);
  return entries
    .filter((entry) => NAME.test(entry))
    .toSorted()
    .toReversed();
}

/** The newest one, or the one with this name. */
export async function findName(root: string, name: string | undefined): Promise<string> {
  const names = await listNames(root);
  if (names.length === 0) throw new Error(`${root} holds no backup that was finished`);
  if (name === undefined) return names[0]!;
  if (names.includes(name)) return name;
  throw new Error(`${root} holds no backup ${name}; the newest is ${names[0]}`);
}

/** How a backup of this moment is called. */
export const nameOf = (time: Date): string => time.toISOString().replaceAll(':', '-');

/** Makes the place of a backup that nobody takes for a whole one. */
export async function beginBackup(root: string, name: string): Promise<string> {
  const folder = partialOf(root, name);
  await mkdir(join(folder, 'db'), { recursive: true, mode: 0o700 });
  return folder;
}

/** From here on the backup is one. */
export async function finishBackup(root: string, manifest: Omit<Manifest, 'format'>) {
  const folder = partialOf(root, manifest.name);
  await writeManifest(folder, manifest);
  for (const path of [join(folder, 'db'), folder]) await syncFolder(path);
  await rename(folder, join(root, manifest.name));
  await syncFolder(root);
}

/** Takes a backup out of the list, and then away; what was cut off the next run takes away. */
export async function removeBackup(root: string, name: string): Promise<void> {
  const folder = partialOf(root, name);
  await rename(join(root, name), folder);
  await syncFolder(root);
  await rm(folder, { recursive: true });
}

/** Makes new names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const partialOf = (root: string, name: string) => join(root, `.${name}.partial`);
