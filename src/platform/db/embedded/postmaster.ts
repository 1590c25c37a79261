import type { ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { endProcess } from './end-leftover.ts';
import type { LogFile } from './log-file.ts';
import type { Log } from './log.ts';
import { listOrphans, readPostmasterPid } from './postmaster-pid.ts';
import { type RunAs, spawnAs } from './run-as.ts';

const KILL_ORPHANS_AFTER_MS = 3_000;
const GIVE_UP_AFTER_MS = 30_000;

/** What PostgreSQL says while backends of a killed postmaster still hold its memory. */
const STILL_IN_USE = /pre-existing shared memory block|lock file "[^"]*" already exists/;

export interface PostmasterOptions {
  /** Program and arguments. */
  command: string[];
  dataDir: string;
  runAs: RunAs;
  logFile: LogFile;
  log: Log;
}

export class Postmaster {
  readonly pid: number;
  readonly ended: Promise<number | null>;
  #child: ChildProcess;
  #isRunning = true;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.pid = child.pid ?? 0;
    this.ended = new Promise((resolve) => {
      const end = (code: number | null) => {
        this.#isRunning = false;
        resolve(code);
      };
      child.once('exit', end);
      child.once('error', () => end(null));
    });
  }

  /** Starts it and waits until it takes connections; tries again while a killed predecessor's backends end. */
  static async start(options: PostmasterOptions): Promise<Postmaster> {
    const begin = Date.now();
    for (;;) {
      const logStart = options.logFile.sizeBytes();
      const postmaster = Postmaster.#spawn(options);
      if (await postmaster.#becomesReady(options)) {
        postmaster.#child.unref();
        return postmaster;
      }
      const output = options.logFile.since(logStart);
      const elapsedMs = Date.now() - begin;
      if (!STILL_IN_USE.test(output) || elapsedMs > GIVE_UP_AFTER_MS) {
        throw new Error(`PostgreSQL did not start (its log is ${options.logFile.path}): ${output}`);
      }
      if (elapsedMs > KILL_ORPHANS_AFTER_MS) killOrphans(options);
      await sleep(100);
    }
  }

  static #spawn({ command, runAs, logFile }: PostmasterOptions): Postmaster {
    const output = logFile.open();
    try {
      // Detached: in a session of its own, where Ctrl-C at our terminal does not reach it.
      return new Postmaster(
        spawnAs(runAs, command, { stdio: ['ignore', output, output], detached: true, cwd: '/' }),
      );
    } finally {
      closeSync(output);
    }
  }

  /** PostgreSQL writes its state to postmaster.pid. Recovery may take minutes, so there is no limit. */
  async #becomesReady({ dataDir, log }: PostmasterOptions): Promise<boolean> {
    let reportAt = Date.now() + 10_000;
    while (this.#isRunning) {
      const state = readPostmasterPid(dataDir);
      if (state?.pid === this.pid && state.status === 'ready') return true;
      if (Date.now() > reportAt) {
        log.info({ postmaster: this.pid }, 'postgres recovery goes on');
        reportAt += 10_000;
      }
      await sleep(5);
    }
    return false;
  }

  async stop(log: Log): Promise<void> {
    this.#child.ref();
    if (this.#isRunning) await endProcess(this.pid, () => this.#isRunning, log);
  }
}

function killOrphans({ dataDir, log }: PostmasterOptions): void {
  for (const pid of listOrphans(dataDir)) {
    log.warn({ backend: pid }, 'postgres backend of a killed postmaster ended');
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has just ended by itself.
    }
  }
}
