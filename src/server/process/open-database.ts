import { join } from 'node:path';

import type { Config } from '../../platform/config/index.ts';
import { connect, type DatabaseAddress, type Db } from '../../platform/db/connect.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../platform/db/embedded/index.ts';
import type { Log } from '../../platform/log/index.ts';

const RESTART_MS = 1000;

export interface OpenDatabase {
  address: DatabaseAddress;
  /** A small pool for the process that called; workers open their own. */
  db: Db;
  /** Closes the pool and stops PostgreSQL if it is ours. */
  close(): Promise<void>;
}

/** The external PostgreSQL of the configuration, or the embedded one, which is started and kept running. */
export async function openDatabase(config: Config, log: Log): Promise<OpenDatabase> {
  const embedded = config.database_url === undefined ? await keepEmbedded(config, log) : undefined;
  const address = embedded?.address ?? { connectionString: config.database_url!.reveal() };
  const db = connectPrimary(address, config, log);
  return {
    address,
    db,
    async close() {
      await db.destroy();
      await embedded?.stop();
    },
  };
}

export function connectPrimary(address: DatabaseAddress, config: Config, log: Log): Db {
  return connect(address, {
    poolSize: 2,
    statementTimeoutMs: config.database.statement_timeout_ms,
    applicationName: 'roadstead primary',
    onIdleError: (error) => log.warn({ err: error }, 'database connection lost'),
  });
}

/** Starts PostgreSQL again whenever it ends by itself. */
async function keepEmbedded(config: Config, log: Log) {
  const dataDir = join(config.data, 'postgres');
  let isStopping = false;
  let postgres: EmbeddedPostgres = await startEmbeddedPostgres({ dataDir, log });
  watch(postgres);
  const { host, port, user, database } = postgres.connection;

  function watch({ exited }: EmbeddedPostgres): void {
    void exited.then((code) => {
      log.error({ code }, 'postgres ended, starting it again');
      return restart();
    });
  }

  async function restart(): Promise<void> {
    while (!isStopping) {
      try {
        postgres = await startEmbeddedPostgres({ dataDir, log });
        if (isStopping) await postgres.stop();
        else watch(postgres);
        return;
      } catch (error) {
        log.error({ err: error }, 'postgres not started');
        await new Promise((resolve) => setTimeout(resolve, RESTART_MS));
      }
    }
  }

  return {
    address: { host, port, user, database },
    async stop() {
      isStopping = true;
      await postgres.stop();
    },
  };
}
