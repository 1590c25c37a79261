import { rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from './log.ts';
import { isPostmasterOf, readPostmasterPid } from './postmaster-pid.ts';

/** How long a shutdown may take before it is made harder. */
const STEPS = [
  { signal: 'SIGINT', waitMs: 30_000 }, // fast: ends sessions, writes a checkpoint
  { signal: 'SIGQUIT', waitMs: 10_000 }, // immediate: recovery at the next start
  { signal: 'SIGKILL', waitMs: 5_000 },
] as const;

/**
 * Ends the postmaster that a killed server left on this data folder. It is not adopted: its settings may be those
 * of an older release, and nobody would learn its exit code. Call it under the exclusive lock only.
 */
export async function endLeftover(dataDir: string, log: Log): Promise<void> {
  const found = readPostmasterPid(dataDir);
  if (found === undefined) return;
  if (isPostmasterOf(found.pid, dataDir)) {
    log.warn({ postmaster: found.pid }, 'postgres left by a killed server found');
    await endProcess(found.pid, () => isPostmasterOf(found.pid, dataDir), log);
  }
  if (isAlive(found.pid) && !isPostmasterOf(found.pid, dataDir)) {
    // The number belongs to another program now (a reboot, a container); PostgreSQL would take it for a postmaster.
    rmSync(path.join(dataDir, 'postmaster.pid'), { force: true });
  }
}

/** Asks, then insists; `isRunning` tells when it is over. */
export async function endProcess(pid: number, isRunning: () => boolean, log: Log): Promise<void> {
  for (const { signal, waitMs } of STEPS) {
    if (signal !== 'SIGINT') log.warn({ postmaster: pid, signal }, 'postgres shutdown takes long');
    sendSignal(pid, signal);
    for (const end = Date.now() + waitMs; Date.now() < end; await sleep(10)) {
      if (!isRunning()) return;
    }
  }
  throw new Error(`PostgreSQL (process ${pid}) does not end, even by SIGKILL.`);
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ESRCH') return;
    throw new Error(`PostgreSQL (process ${pid}) of a killed server cannot be ended: ${code}`, {
      cause: error,
    });
  }
}

function isAlive(pid: number): boolean {
  if (pid <= 0) return true; // a torn file: of no use to anyone
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
