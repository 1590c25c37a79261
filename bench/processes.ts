/** What a server and the processes it started take of the machine, from /proc. */
import { readdirSync, readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100; // USER_HZ, the same on every Linux of today
const MEGABYTE = 1000 * 1000;

interface ProcessStat {
  pid: number;
  parent: number;
  cpuSeconds: number;
}

function readStat(pid: number): ProcessStat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Behind the name, which may hold anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    // utime, stime and those of children that have ended
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    return { pid, parent: Number(fields[1]), cpuSeconds: ticks / TICKS_PER_SECOND };
  } catch {
    return undefined; // it has ended
  }
}

/** The process and all its descendants. */
function listTree(root: number): ProcessStat[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readStat(Number(name)) ?? []);
  const tree = all.filter(({ pid }) => pid === root);
  for (const { pid } of tree) tree.push(...all.filter(({ parent }) => parent === pid));
  return tree;
}

/** Processor time of a process and all below it, those included that have ended. */
export function cpuSecondsOf(root: number): number {
  return listTree(root).reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
}

/** The same, by what each process does: primary, workers, parts of PostgreSQL. */
export function cpuSecondsByRole(root: number): Map<string, number> {
  const roles = new Map<string, number>();
  for (const { pid, cpuSeconds } of listTree(root)) {
    const role = roleOf(pid);
    roles.set(role, (roles.get(role) ?? 0) + cpuSeconds);
  }
  return roles;
}

function roleOf(pid: number): string {
  const command = readCommandLine(pid);
  if (command.startsWith('postgres: roadstead')) return 'postgres backends';
  const [, part] = /^postgres: ([a-z ]+)/.exec(command) ?? [];
  if (part !== undefined) return `postgres ${part.trim()}`;
  if (command.includes('worker-main')) return `worker ${pid}`;
  return command.includes('src/main.ts') ? 'primary' : 'others';
}

function readCommandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

/** The same for this process and the generators it started, but not for the servers, which live on. */
export const ownCpuSeconds = (): number => readStat(process.pid)!.cpuSeconds;

/** Processor time of everything on the machine, the kernel's own included. */
export function machineCpuSeconds(): number {
  const [, ...fields] = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]!.split(/ +/);
  const [user = 0, nice = 0, system = 0, , , hardIrq = 0, softIrq = 0] = fields.map(Number);
  return (user + nice + system + hardIrq + softIrq) / TICKS_PER_SECOND;
}

/** Memory in MB. `pss` counts a page that several processes share only once. */
export function memoryOf(root: number): { pss: number; rss: number; processes: number } {
  const tree = listTree(root);
  let pss = 0;
  let rss = 0;
  for (const { pid } of tree) {
    const text = readRollup(pid);
    pss += readKilobytes(text, 'Pss');
    rss += readKilobytes(text, 'Rss');
  }
  return { pss, rss, processes: tree.length };
}

function readRollup(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  } catch {
    return '';
  }
}

function readKilobytes(text: string, name: string): number {
  const kilobytes = Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);
  return (kilobytes * 1024) / MEGABYTE;
}
