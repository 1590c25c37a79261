import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import path from 'node:path';

/** The lines of postmaster.pid that matter to us. */
export interface PostmasterPid {
  pid: number;
  port: number;
  socketDirectory: string;
  status: string;
}

export function readPostmasterPid(dataDir: string): PostmasterPid | undefined {
  let text: string;
  try {
    text = readFileSync(path.join(dataDir, 'postmaster.pid'), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return parsePostmasterPid(text);
}

export function parsePostmasterPid(text: string): PostmasterPid {
  const lines = text.split('\n').map((line) => line.trim());
  return {
    pid: Math.abs(Number.parseInt(lines[0] ?? '', 10)) || 0,
    port: Number.parseInt(lines[3] ?? '', 10) || 0,
    socketDirectory: lines[4] ?? '',
    status: lines[7] ?? '',
  };
}

/** Whether this process is a postmaster of this data folder, and not one that was given the same number later. */
export function isPostmasterOf(pid: number, dataDir: string): boolean {
  if (pid <= 1) return false;
  if (process.platform === 'linux') {
    const [program = '', ...args] = readCommandLine(pid);
    const folder = args[args.indexOf('-D') + 1] ?? '';
    return path.basename(program) === 'postgres' && isSameFolder(folder, dataDir);
  }
  try {
    const command = execFileSync('ps', ['-ww', '-p', String(pid), '-o', 'command=']).toString();
    return command.includes(`/postgres -D ${dataDir} `);
  } catch {
    return false; // ps found no such process
  }
}

/** Backends that live on after their postmaster was killed (Linux). */
export function listOrphans(dataDir: string): number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => readCommandLine(pid)[0]?.startsWith('postgres:') === true)
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`) === dataDir;
      } catch {
        return false;
      }
    });
}

/** Empty for a process that does not exist or has ended and was not collected yet. */
function readCommandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

function isSameFolder(a: string, b: string): boolean {
  if (a === b) return true;
  const [first, second] = [a, b].map((folder) => statSync(folder, { throwIfNoEntry: false }));
  return first !== undefined && first.ino === second?.ino && first.dev === second.dev;
}
