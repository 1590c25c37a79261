import { type ChildProcess, execFile, spawn, type StdioOptions } from 'node:child_process';
import { chmodSync, readFileSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Binaries } from './find-binaries.ts';
import type { Log } from './log.ts';

/** How the programs of PostgreSQL, which refuse to be root, are started. */
export interface RunAs {
  kind: 'self' | 'namespace' | 'user';
  /** Who owns the files, as seen from here. */
  uid: number;
  gid: number;
  /** Whether what is started ends with this process, where setpriv is there. */
  endsWithUs?: boolean;
}

// Root in a user namespace of its own in which it is called nobody: files keep belonging to root,
// nothing on the machine changes, and folders of mode 0700 stay readable.
const NAMESPACE = ['unshare', '-U', '--map-user=65534', '--map-group=65534', '--'];

// The kernel asks the program to end (fast shutdown) when our process is gone, however that happened.
const END_WITH_US = ['setpriv', '--pdeathsig', 'INT', '--'];

// Nothing of our environment is handed on: it holds secrets, and PG… variables would be obeyed.
const ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
  TZ: 'UTC',
};

export interface RunAsOptions {
  binaries: Binaries;
  dataDir: string;
  log: Log;
}

export async function chooseRunAs(options: RunAsOptions): Promise<RunAs> {
  const runAs = await chooseIdentity(options);
  return { ...runAs, endsWithUs: await succeeds(runAs, [...END_WITH_US, 'true']) };
}

/** Ourselves; as root, the first of: root in a namespace, the owner of the folders around, postgres, nobody. */
async function chooseIdentity(options: RunAsOptions): Promise<RunAs> {
  const self: RunAs = { kind: 'self', uid: process.getuid!(), gid: process.getgid!() };
  if (self.uid !== 0 && hasName()) return self;
  const namespace: RunAs = { ...self, kind: 'namespace' };
  if (await canRun(namespace, options)) return namespace;
  if (self.uid !== 0) {
    throw new Error(
      `User id ${self.uid} has no name (no line in /etc/passwd), which PostgreSQL needs, and user namespaces ` +
        'are forbidden here. Add the line, start as another user, or set DATABASE_URL.',
    );
  }
  for (const user of unprivilegedUsers(options)) {
    if (await canRun(user, options)) return user;
    if (openParent(options) && (await canRun(user, options))) return user;
  }
  throw new Error(
    `PostgreSQL does not run as root, user namespaces are forbidden here, and neither "postgres" nor "nobody" ` +
      `can reach both ${options.binaries.postgres} and ${path.dirname(options.dataDir)}. ` +
      'Start roadstead as an ordinary user who owns the data folder, or set DATABASE_URL.',
  );
}

export function spawnAs(
  runAs: RunAs,
  command: string[],
  options: { stdio: StdioOptions; detached?: boolean; cwd?: string },
): ChildProcess {
  const { file, args, identity } = prepare(runAs, [
    ...(runAs.endsWithUs ? END_WITH_US : []),
    ...command,
  ]);
  return spawn(file, args, { ...options, ...identity, env: ENVIRONMENT });
}

/** Whether this identity can start the binary and enter the data folder's parent. */
function canRun(runAs: RunAs, { binaries, dataDir }: RunAsOptions): Promise<boolean> {
  const script = 'cd "$1" && exec "$2" --version';
  return succeeds(runAs, ['sh', '-c', script, 'sh', path.dirname(dataDir), binaries.postgres]);
}

async function succeeds(runAs: RunAs, command: string[]): Promise<boolean> {
  const { file, args, identity } = prepare(runAs, command);
  try {
    await promisify(execFile)(file, args, { ...identity, env: ENVIRONMENT, cwd: '/' });
    return true;
  } catch {
    return false;
  }
}

function prepare({ kind, uid, gid }: RunAs, command: string[]) {
  const [file = '', ...args] = kind === 'namespace' ? [...NAMESPACE, ...command] : command;
  return { file, args, identity: kind === 'user' ? { uid, gid } : {} };
}

function hasName(): boolean {
  try {
    return os.userInfo().username !== '';
  } catch {
    return false;
  }
}

function unprivilegedUsers({ binaries, dataDir }: RunAsOptions): RunAs[] {
  const owners = [
    dataDir,
    path.dirname(dataDir),
    path.dirname(path.dirname(dataDir)),
    binaries.postgres,
  ]
    .map((file) => statSync(file, { throwIfNoEntry: false }))
    .filter((stats) => stats !== undefined)
    .map(({ uid, gid }) => ({ kind: 'user' as const, uid, gid }));
  return [...owners, ...namedUsers(['postgres', 'nobody'])].filter(({ uid }) => uid > 0);
}

function namedUsers(names: string[]): RunAs[] {
  const lines = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  return names
    .map((name) => lines.find((line) => line[0] === name))
    .filter((line) => line !== undefined)
    .map((line) => ({ kind: 'user', uid: Number(line[2]), gid: Number(line[3]) }));
}

/** Lets others pass through (not read) the folder that holds the data folder. */
function openParent({ dataDir, log }: RunAsOptions): boolean {
  const parent = path.dirname(dataDir);
  const { mode, uid } = statSync(parent);
  if (uid !== 0 || (mode & 0o001) !== 0) return false;
  chmodSync(parent, (mode & 0o7777) | 0o011);
  log.warn({ folder: parent }, 'data folder made passable for the database user');
  return true;
}
