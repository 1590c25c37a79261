import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

import { endWithTests } from './ending.ts';

/** A program that runs beside the tests: the server, dockerd, containerd. */
export interface Daemon {
  pid: number;
  /** The end of what it wrote, for messages. */
  log(): string;
  stop(): Promise<void>;
}

const LOG_END = 8_000;

/** Starts a program and waits until `isReady` says so. */
export async function startDaemon(
  command: string,
  args: string[],
  options: { env?: NodeJS.ProcessEnv; timeoutMs: number; isReady: () => Promise<boolean> },
): Promise<Daemon> {
  const child = spawn(command, args, {
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  const keep = (chunk: unknown) => {
    log = (log + String(chunk)).slice(-LOG_END);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const ended = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('exit', (code, signal) => resolve(`ended with ${signal ?? code}`));
  });
  const daemon = {
    pid: child.pid ?? 0,
    log: () => log,
    stop: endWithTests(() => stop(child, ended)),
  };

  let end: string | undefined;
  void ended.then((how) => (end = how));
  const deadline = Date.now() + options.timeoutMs;
  while (!(await options.isReady().catch(() => false))) {
    if (end === undefined && Date.now() < deadline) {
      await sleep(50);
      continue;
    }
    await daemon.stop();
    throw new Error(`${command} ${end ?? `is not ready in ${options.timeoutMs} ms`}\n${log}`);
  }
  return daemon;
}

async function stop(child: ChildProcess, ended: Promise<string>): Promise<void> {
  child.kill('SIGTERM');
  const patience = new AbortController();
  const late = sleep(30_000, 'late', { signal: patience.signal, ref: false });
  if ((await Promise.race([ended, late])) === 'late') child.kill('SIGKILL');
  patience.abort();
  await late.catch(() => undefined);
  await ended;
}
