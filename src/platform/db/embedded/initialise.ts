import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import path from 'node:path';
import { type Binaries, POSTGRES_MAJOR } from './find-binaries.ts';
import { type RunAs, spawnAs } from './run-as.ts';

export const USER = 'roadstead';
export const DATABASE = 'roadstead';

const FRESH = '.new-';

/** Whether the folder holds a database of ours; throws when it holds anything else. */
export function isInitialised(dataDir: string): boolean {
  const names = existsSync(dataDir) ? readdirSync(dataDir) : [];
  if (names.length === 0) return false;
  if (!names.includes('PG_VERSION')) {
    throw new Error(
      `${dataDir} is neither empty nor a PostgreSQL data folder. Choose another one with ROADSTEAD_DATA.`,
    );
  }
  const version = readFileSync(path.join(dataDir, 'PG_VERSION'), 'utf8').trim();
  if (version !== POSTGRES_MAJOR) {
    throw new Error(
      `${dataDir} was made by PostgreSQL ${version}; this release of Roadstead brings PostgreSQL ${POSTGRES_MAJOR}. ` +
        'Start the release that made it: there is no way yet to bring it to another version.',
    );
  }
  return true;
}

/**
 * Makes a new data folder beside its place and moves it there when it is whole, so that a start which is killed
 * half-way leaves nothing that the next one could take for a database.
 */
export async function initialise(
  binaries: Binaries,
  dataDir: string,
  runAs: RunAs,
  options: { sync: boolean },
): Promise<void> {
  const parent = path.dirname(dataDir);
  const fresh = `${dataDir}${FRESH}${randomBytes(4).toString('hex')}`;
  mkdirSync(fresh, { mode: 0o700 });
  try {
    if (runAs.kind === 'user') chownSync(fresh, runAs.uid, runAs.gid);
    await run(runAs, initdbCommand(binaries, fresh, options.sync));
    const single = [
      binaries.postgres,
      '--single',
      '-c',
      `fsync=${options.sync ? 'on' : 'off'}`,
      '-D',
      fresh,
      'postgres',
    ];
    await run(runAs, single, `create database ${DATABASE};\n`);
    if (options.sync) syncFolder(fresh);
    renameSync(fresh, dataDir);
    syncFolder(parent);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true, maxRetries: 10 });
    throw error;
  }
}

/** What starts that were killed half-way left. Their initdb may still be writing, so this is done at each start. */
export function removeHalfMade(dataDir: string): void {
  const parent = path.dirname(dataDir);
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(path.basename(dataDir) + FRESH)) continue;
    try {
      rmSync(path.join(parent, name), { recursive: true, force: true });
    } catch {
      // The next start removes it.
    }
  }
}

function initdbCommand(binaries: Binaries, folder: string, sync: boolean): string[] {
  return [
    binaries.initdb,
    '-D',
    folder,
    `--username=${USER}`,
    '--encoding=UTF8',
    '--data-checksums',
    // The builtin provider sorts and classifies the same on every machine; libc's own locale is not used.
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
    // Whoever can enter the socket's folder (mode 0700) could read the data files as well.
    '--auth=trust',
    '--no-instructions',
    ...(sync ? [] : ['--no-sync']),
  ];
}

async function run(runAs: RunAs, command: string[], input = ''): Promise<void> {
  const child = spawnAs(runAs, command, { stdio: 'pipe' });
  const output: Buffer[] = [];
  child.stdout!.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr!.on('data', (chunk: Buffer) => output.push(chunk));
  child.stdin!.on('error', () => {}); // it ended without reading: its exit code tells
  child.stdin!.end(input);
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  if (code !== 0) {
    const name = path.basename(command[0]!);
    throw new Error(
      `${name} failed (${signal ?? code}): ${Buffer.concat(output).toString().trim()}`,
    );
  }
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  fsyncSync(handle);
  closeSync(handle);
}
