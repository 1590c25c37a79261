import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';

export interface Daemon {
  pid: number;
  /** Asks it to end and waits. */
  stop(): Promise<void>;
}

export interface DaemonOptions {
  env?: Record<string, string>;
  cwd?: string;
  /** What it says about itself: errors of the start are quoted from it. */
  errorFile: string;
  isReady: () => Promise<boolean>;
  pollMs?: number;
}

const START_MS = 120_000;

const running = new Set<Daemon>();

/** Ends whatever was started and not stopped. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((daemon) => daemon.stop()));
}

/** Starts a server and waits until it is ready. Its standard output is thrown away. */
export async function startDaemon(
  command: string,
  args: string[],
  { env = {}, cwd, errorFile, isReady, pollMs = 50 }: DaemonOptions,
): Promise<Daemon> {
  const errors = openSync(errorFile, 'a');
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
    stdio: ['ignore', 'ignore', errors],
  });
  closeSync(errors);
  const ended = once(child, 'exit');
  ended.catch(() => {}); // it could not be started: `hasEnded` tells
  const deadline = Date.now() + START_MS;
  while (!(await isReady().catch(() => false))) {
    if (hasEnded(child) || Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`${command} did not start: ${readFileSync(errorFile, 'utf8').slice(-2000)}`);
    }
    await setTimeout(pollMs);
  }
  const daemon: Daemon = {
    pid: child.pid!,
    async stop() {
      running.delete(daemon);
      child.kill('SIGTERM');
      await ended;
    },
  };
  running.add(daemon);
  return daemon;
}

const hasEnded = (child: ChildProcess) =>
  child.pid === undefined || child.exitCode !== null || child.signalCode !== null;

export async function findFreePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

/** Whether `/v2/` is answered, with or without a challenge. */
export async function answersV2(port: number): Promise<boolean> {
  const { status } = await fetch(`http://127.0.0.1:${port}/v2/`);
  return status === 200 || status === 401;
}
