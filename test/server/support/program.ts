import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { ADMIN_PASSWORD, createDatabase, type Address } from '../../harness/database.ts';

export { ADMIN_PASSWORD };

const MAIN = join(import.meta.dirname, '../../../src/main.ts');
const READY = /Roadstead is ready \([\d.]+ s\): (https?):\/\/\S+:(\d+)/;

type Environment = Record<string, string>;
type CleanUp = () => unknown;

/** Starting many servers, most of the time goes into reading their sources. */
const compileCache = mkdtempSync(join(tmpdir(), 'roadstead-test-cache-'));
process.once('exit', () => rmSync(compileCache, { recursive: true, force: true }));

const cleanUps = new WeakMap<TestContext, CleanUp[]>();

/** What a test made last goes first: the server before its folder. (node:test has it the other way round.) */
export function onEnd(t: TestContext, cleanUp: CleanUp): void {
  let list = cleanUps.get(t);
  if (list === undefined) {
    const made: CleanUp[] = (list = []);
    cleanUps.set(t, list);
    t.after(async () => {
      for (const last of made.toReversed()) await last();
    });
  }
  list.push(cleanUp);
}

/** A command of the real program, as its own process. */
export interface Program {
  pid: number;
  /** JSON lines. */
  stdout(): string;
  /** What a person reads. */
  stderr(): string;
  output(): string;
  signal(name: NodeJS.Signals): void;
  /** Also to what it started, as a terminal does on Ctrl-C; PostgreSQL is in a session of its own. */
  signalGroup(name: NodeJS.Signals): void;
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  isRunning(): boolean;
}

export interface Server extends Program {
  data: string;
  port: number;
  url: string;
}

export interface RunOptions {
  env?: Environment;
  /** Options of Node. */
  node?: string[];
}

/** Starts a command with nothing of our own environment. It is killed when the test ends. */
export function run(t: TestContext, words: string[], options: RunOptions = {}): Program {
  const child = spawn(process.execPath, [...(options.node ?? []), MAIN, ...words], {
    cwd: tmpdir(),
    env: { PATH: process.env.PATH ?? '', NODE_COMPILE_CACHE: compileCache, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const program = watch(child);
  onEnd(t, async () => {
    if (!program.isRunning()) return;
    const all = [program.pid, ...listDescendants(program.pid)];
    program.signal('SIGTERM');
    const isLate = await Promise.race([program.ended, sleep(20_000, true, { ref: false })]);
    if (isLate === true) killAll(all);
    await program.ended;
  });
  return program;
}

function watch(child: ChildProcess): Program {
  const pid = child.pid ?? 0;
  const texts = { stdout: '', stderr: '' };
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (texts.stdout += text));
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (texts.stderr += text));
  const { promise: ended, resolve } = Promise.withResolvers<Awaited<Program['ended']>>();
  // Not on close: what it started may hold its output open.
  child.on('exit', (code, signal) => setImmediate(() => resolve({ code, signal })));
  return {
    pid,
    stdout: () => texts.stdout,
    stderr: () => texts.stderr,
    output: () => texts.stdout + texts.stderr,
    signal: (name) => child.kill(name),
    signalGroup: (name) => process.kill(-pid, name),
    ended,
    isRunning: () => child.exitCode === null && child.signalCode === null,
  };
}

/** Runs a command to its end. */
export async function runToEnd(t: TestContext, words: string[], options: RunOptions = {}) {
  const program = run(t, words, options);
  const { code } = await program.ended;
  await sleep(20); // the last of its output
  return { code, stdout: program.stdout(), stderr: program.stderr() };
}

export interface ServerOptions extends RunOptions {
  data?: string;
}

export function serverEnvironment(data: string, env: Environment = {}): Environment {
  return {
    ROADSTEAD_DATA: data,
    ROADSTEAD_HOST: '127.0.0.1',
    ROADSTEAD_PORT: '0',
    ROADSTEAD_WORKERS: '1', // quicker
    ROADSTEAD_LOG_REQUESTS: 'all',
    // Whatever this machine has left.
    ROADSTEAD_STORAGE_RESERVE_BYTES: '0',
    ROADSTEAD_STORAGE_WARN_FREE_BYTES: '0',
    ...env,
  };
}

/** Starts a server on a database of the tests' PostgreSQL, which is quicker than one of its own. */
export async function startWithDatabase(t: TestContext, options: ServerOptions = {}) {
  onEnd(t, () => {}); // so that the server ends before its database does
  const url = databaseUrl(await createDatabase(t));
  return startServer(t, { ...options, env: { DATABASE_URL: url, ...options.env } });
}

export function databaseUrl({ host, port, user, database }: Address): string {
  return `postgres://${user}@/${database}?host=${encodeURIComponent(host)}&port=${port}`;
}

/** Starts a server on a free port and waits until it is ready. */
export async function startServer(t: TestContext, options: ServerOptions = {}): Promise<Server> {
  const data = options.data ?? join(temporaryFolder(t), 'data');
  const env = serverEnvironment(data, options.env);
  const program = run(t, ['server'], { ...options, env });
  await waitFor(
    () => {
      if (program.isRunning()) return READY.test(program.stderr());
      throw new Error(`the server ended:\n${program.output()}`);
    },
    60_000,
    () => program.output(),
  );
  const [, scheme, port] = READY.exec(program.stderr())!;
  const host = env.ROADSTEAD_HOST === '127.0.0.1' ? '127.0.0.1' : 'localhost';
  return { ...program, data, port: Number(port), url: `${scheme}://${host}:${port}` };
}

export async function stopServer(server: Program): Promise<number | null> {
  server.signal('SIGTERM');
  return (await server.ended).code;
}

export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'roadstead-test-'));
  onEnd(t, () => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));
  return folder;
}

/** Waits until it is so. What it throws ends the wait. */
export async function waitFor(
  is: () => boolean | Promise<boolean>,
  timeoutMs = 60_000,
  explain: () => string = () => is.toString(),
): Promise<void> {
  for (const until = performance.now() + timeoutMs; !(await is()); await sleep(20)) {
    if (performance.now() > until) {
      throw new Error(`not so after ${timeoutMs} ms: ${explain()}`);
    }
  }
}

/** The processes that this one started, and those that they started (Linux). */
export function listDescendants(pid: number): number[] {
  const children = listProcesses().filter(({ parent }) => parent === pid);
  return children.flatMap((child) => [child.pid, ...listDescendants(child.pid)]);
}

const WORDS = {
  worker: 'worker-main.ts http',
  jobs: 'worker-main.ts jobs',
  postgres: '/bin/postgres',
};

/** The HTTP workers of a server, its jobs worker, or its postmaster. */
export function findChildren(pid: number, kind: keyof typeof WORDS): number[] {
  const word = WORDS[kind];
  return listProcesses()
    .filter(({ parent, command }) => parent === pid && command.includes(word))
    .map((found) => found.pid);
}

export function isAlive(pid: number): boolean {
  return listProcesses().some((found) => found.pid === pid);
}

/** Without those that have ended and wait to be collected. */
function listProcesses() {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return state === 'Z' ? [] : [{ pid: Number(name), parent: Number(parent), command }];
      } catch {
        return []; // it has just ended
      }
    });
}

export function killAll(pids: number[], signal: NodeJS.Signals = 'SIGKILL'): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has just ended.
    }
  }
}

export function authorization(password: string, username = 'admin'): Record<string, string> {
  return { authorization: `Basic ${btoa(`${username}:${password}`)}` };
}

/** The status of a request that needs the administrator's password. */
export async function signIn(url: string, password: string): Promise<number> {
  const reply = await fetch(`${url}/v2/`, { headers: authorization(password) });
  await reply.arrayBuffer();
  return reply.status;
}
