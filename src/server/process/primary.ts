import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';

import { toConfig, type Config, type ConfigValues } from '../../platform/config/index.ts';
import { migrate } from '../../platform/db/migrate.ts';
import { createLog, type Log } from '../../platform/log/index.ts';
import { openStorage } from '../../platform/storage/index.ts';
import { giveFirstPassword, type FirstPassword } from './first-password.ts';
import { openDatabase, type OpenDatabase } from './open-database.ts';
import { readSecretKey } from './secret-key.ts';
import { startWorkers } from './worker-pool.ts';

export interface RunningServer {
  config: Config;
  firstPassword: FirstPassword | undefined;
  /** Lets requests finish, then stops the workers and the database. */
  stop(): Promise<void>;
  /** Does not wait for requests. */
  stopNow(): void;
}

/** Brings a node up: database, migrations, first password, store, workers. */
export async function startServer(values: ConfigValues): Promise<RunningServer> {
  const config = toConfig(values);
  const log = createLog({ level: config.log.level });
  mkdirSync(config.data, { recursive: true, mode: 0o700 });
  const database = await openDatabase(config, log);
  try {
    return await startOn(database, { values, config, log });
  } catch (cause) {
    await database.close();
    throw cause;
  }
}

async function startOn(
  database: OpenDatabase,
  { values, config, log }: { values: ConfigValues; config: Config; log: Log },
): Promise<RunningServer> {
  const applied = await migrate(database.db);
  if (applied.length > 0) log.info({ migrations: applied }, 'database migrated');
  const firstPassword = await giveFirstPassword(database.db, config);
  await openStorage(config).prepare();
  const secretKey = readSecretKey(config).reveal();
  const count = config.workers === 0 ? availableParallelism() : config.workers;
  const workers = startWorkers(
    count,
    { config: values, database: database.address, secretKey },
    log,
  );
  try {
    await workers.listening;
  } catch (cause) {
    workers.kill();
    throw cause;
  }
  log.info({ host: config.host, port: config.port, workers: count }, 'server started');
  return {
    config,
    firstPassword,
    async stop() {
      log.info('server stopping');
      await workers.stop();
      await database.close();
      log.info('server stopped');
    },
    stopNow: () => workers.kill(),
  };
}
