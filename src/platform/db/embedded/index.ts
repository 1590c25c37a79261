import { lstatSync, mkdirSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { endLeftover } from './end-leftover.ts';
import { takeExclusiveLock } from './exclusive-lock.ts';
import { findBinaries } from './find-binaries.ts';
import { DATABASE, initialise, isInitialised, removeHalfMade, USER } from './initialise.ts';
import { LogFile } from './log-file.ts';
import type { Log } from './log.ts';
import { takeOwnership } from './owner.ts';
import { Postmaster } from './postmaster.ts';
import { chooseRunAs } from './run-as.ts';
import { settingArguments } from './settings.ts';
import { makeSocketDirectory, PORT, removeSocketDirectory } from './socket-directory.ts';

export { findRunningPostgres } from './find-running.ts';

export interface EmbeddedPostgres {
  /** What `pg.Pool` takes: the socket's folder as host, user, database. */
  connection: { host: string; port: number; user: string; database: string; password?: string };
  /** Resolves when the postmaster has ended without `stop` (a crash), with its exit code; null after a signal. */
  exited: Promise<number | null>;
  /** Fast shutdown, waits; becomes an immediate one after 30 s. May be called more than once. */
  stop(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** `<data>/postgres`; lock and log file are put beside it. */
  dataDir: string;
  log: Log;
  /** PostgreSQL settings over ours. `fsync: 'off'` makes the first start faster too. */
  settings?: Record<string, string>;
}

/** Starts the PostgreSQL that comes with Roadstead, and makes its data folder at the first start. */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  const dataDir = resolveDataDir(options.dataDir);
  const lock = takeExclusiveLock(`${dataDir}.lock`);
  const logFile = new LogFile(`${dataDir}.log`);
  const cleanUp = () => {
    logFile.close();
    lock.release();
  };
  try {
    return await start({ ...options, dataDir }, logFile, cleanUp);
  } catch (error) {
    cleanUp();
    throw error;
  }
}

async function start(
  { dataDir, log, settings = {} }: EmbeddedPostgresOptions,
  logFile: LogFile,
  cleanUp: () => void,
): Promise<EmbeddedPostgres> {
  const begin = Date.now();
  const binaries = findBinaries();
  const hasData = isInitialised(dataDir);
  const runAs = await chooseRunAs({ binaries, dataDir, log });
  if (hasData) {
    await endLeftover(dataDir, log);
    takeOwnership(dataDir, runAs);
  } else {
    await initialise(binaries, dataDir, runAs, { sync: settings['fsync'] !== 'off' });
  }
  removeHalfMade(dataDir);
  const host = makeSocketDirectory(dataDir, runAs);
  const own = settingArguments({ ...settings, unix_socket_directories: host });
  const command = [binaries.postgres, '-D', dataDir, ...own];
  const postmaster = await Postmaster.start({ command, dataDir, runAs, logFile, log });
  log.info(
    { postmaster: postmaster.pid, runAs: runAs.kind, tookMs: Date.now() - begin },
    'postgres started',
  );

  let stopping: Promise<void> | undefined;
  const stop = async () => {
    try {
      await postmaster.stop(log);
      removeSocketDirectory(host);
    } finally {
      cleanUp();
    }
    log.info({}, 'postgres stopped');
  };
  return {
    connection: { host, port: PORT, user: USER, database: DATABASE },
    exited: new Promise((resolve) => {
      void postmaster.ended.then((code) => {
        if (stopping === undefined) resolve(code);
      });
    }),
    stop: () => (stopping ??= stop()),
  };
}

/** The one true path: two names of a folder must lead to one lock. */
function resolveDataDir(dataDir: string): string {
  const parent = path.dirname(path.resolve(dataDir));
  mkdirSync(parent, { recursive: true });
  const resolved = path.join(realpathSync(parent), path.basename(dataDir));
  const isLink = lstatSync(resolved, { throwIfNoEntry: false })?.isSymbolicLink();
  return isLink === true ? realpathSync(resolved) : resolved;
}
