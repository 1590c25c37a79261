import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';

import { requireRestored } from '../../features/backup/index.ts';
import { requireOwnStore } from '../../features/fsck/index.ts';
import { toConfig, type Config, type ConfigValues } from '../../platform/config/index.ts';
import { migrate } from '../../platform/db/migrate.ts';
import { createLog, type Log } from '../../platform/log/index.ts';
import { openStorage } from '../../platform/storage/index.ts';
import { checkConfig } from './check-config.ts';
import { endOnFault } from './end-on-fault.ts';
import { giveFirstPassword, type FirstPassword } from './first-password.ts';
import { openDatabase, type OpenDatabase } from './open-database.ts';
import { overwriteSettings } from './overwrite-settings.ts';
import { readSecretKey, requireSecretKey } from './secret-key.ts';
import { startWorkers, type WorkerPool } from './worker-pool.ts';

export interface RunningServer {
  config: Config;
  /** Where it listens; the configuration may leave the choice to the system. */
  port: number;
  firstPassword: FirstPassword | undefined;
  /** Lets requests finish, then stops the workers and the database. */
  stop(): Promise<void>;
  /** Does not wait for requests. */
  stopNow(): void;
}

interface Start {
  values: ConfigValues;
  config: Config;
  log: Log;
  signal: AbortSignal;
}

/** Brings a node up: database, migrations, first password, store, workers. `signal` gives it up half-way. */
export async function startServer(
  values: ConfigValues,
  signal: AbortSignal,
): Promise<RunningServer> {
  const config = toConfig(values);
  const log = createLog({ level: config.log.level });
  endOnFault(log, 'server failed');
  await checkConfig(config);
  makeDataFolder(config);
  const database = await openDatabase(config, log, signal);
  try {
    signal.throwIfAborted();
    return await startOn(database, { values, config, log, signal });
  } catch (cause) {
    await database.close();
    throw cause;
  }
}

export function makeDataFolder({ data }: Config): void {
  try {
    mkdirSync(data, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new Error(
      `the data folder ${data} cannot be made (${(cause as Error).message}); choose one with ROADSTEAD_DATA`,
      { cause },
    );
  }
}

async function startOn(
  database: OpenDatabase,
  { values, config, log, signal }: Start,
): Promise<RunningServer> {
  const applied = await migrate(database.db);
  if (applied.length > 0) log.info({ migrations: applied }, 'database migrated');
  await requireRestored(database.db);
  const firstPassword = await giveFirstPassword(database.db, config);
  const storage = await openStorage(config);
  await storage.prepare();
  await requireOwnStore({ db: database.db, storage, config });
  const secretKey = readSecretKey(config);
  await requireSecretKey(database.db, config, secretKey);
  await overwriteSettings(database.db, config, secretKey);
  signal.throwIfAborted();
  const count = config.workers === 0 ? availableParallelism() : config.workers;
  const workers = startWorkers(
    count,
    { config: values, database: database.address, secretKey: secretKey.reveal() },
    log,
  );
  const port = await listening(workers, signal);
  log.info({ host: config.host, port, workers: count }, 'server started');
  return {
    config,
    port,
    firstPassword,
    async stop() {
      log.info('server stopping');
      await workers.stop(config.shutdown_delay_ms + config.shutdown_timeout_ms);
      await database.close();
      log.info('server stopped');
    },
    stopNow: () => workers.kill(),
  };
}

/** The port on which all workers listen. Ends them when one can't, or when the start is given up. */
async function listening(workers: WorkerPool, signal: AbortSignal): Promise<number> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const giveUp = () => reject(signal.reason as Error);
  signal.addEventListener('abort', giveUp);
  try {
    return await Promise.race([workers.listening, aborted]);
  } catch (cause) {
    workers.kill();
    throw cause;
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}
