import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

import type { Config } from '../../platform/config/index.ts';
import { connect, type DatabaseAddress, type Db } from '../../platform/db/connect.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../platform/db/embedded/index.ts';
import { waitForDatabase } from '../../platform/db/wait-for-database.ts';
import type { Log } from '../../platform/log/index.ts';

const RESTART_MS = 1000;
const WAIT_MS = 30_000;

export interface OpenDatabase {
  address: DatabaseAddress;
  /** A small pool for the process that called; workers open their own. */
  db: Db;
  /** Closes the pool and stops PostgreSQL if it is ours. */
  close(): Promise<void>;
}

/** The external PostgreSQL of the configuration, or the embedded one, which is started and kept running. */
export async function openDatabase(
  config: Config,
  log: Log,
  signal: AbortSignal = new AbortController().signal,
): Promise<OpenDatabase> {
  return config.database_url === undefined
    ? openEmbedded(config, log)
    : openExternal(config.database_url.reveal(), { config, log, signal });
}

async function openEmbedded(config: Config, log: Log): Promise<OpenDatabase> {
  const { address, stop } = await keepEmbedded(config, log);
  const db = connectPrimary(address, config, log);
  return {
    address,
    db,
    async close() {
      await db.destroy();
      await stop();
    },
  };
}

async function openExternal(
  connectionString: string,
  { config, log, signal }: { config: Config; log: Log; signal: AbortSignal },
): Promise<OpenDatabase> {
  const address = { connectionString };
  const db = connectPrimary(address, config, log);
  try {
    await waitForDatabase(db, { log, timeoutMs: WAIT_MS, signal });
  } catch (cause) {
    await db.destroy();
    throw cause;
  }
  return { address, db, close: () => db.destroy() };
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
  const stopping = new AbortController();
  const { signal } = stopping;
  let postgres = await startEmbeddedPostgres({ dataDir, log });
  const stopped = once(signal, 'abort');
  const kept = keep();

  async function keep(): Promise<void> {
    for (;;) {
      const code = await Promise.race([postgres.exited, stopped]);
      if (signal.aborted) return;
      log.error({ code }, 'postgres ended, starting it again');
      // Gives back its lock, even when it fails.
      await postgres
        .stop()
        .catch((error: unknown) => log.error({ err: error }, 'postgres not tidied up'));
      postgres = await startAgain();
    }
  }

  async function startAgain(): Promise<EmbeddedPostgres> {
    for (;;) {
      try {
        return await startEmbeddedPostgres({ dataDir, log });
      } catch (error) {
        log.error({ err: error }, 'postgres not started');
        if (signal.aborted) return postgres;
        await setTimeout(RESTART_MS);
      }
    }
  }

  const { host, port, user, database } = postgres.connection;
  return {
    address: { host, port, user, database },
    async stop() {
      stopping.abort();
      await kept;
      await postgres.stop();
    },
  };
}
