import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createLog } from '../log/index.ts';
import { connect, type DatabaseAddress } from './connect.ts';
import { startEmbeddedPostgres } from './embedded/index.ts';
import { migrate } from './migrate.ts';

/** PostgreSQL without a thought for power cuts: for tests and generators only. */
const HASTY = {
  fsync: 'off',
  full_page_writes: 'off',
  max_connections: '300',
};

export interface ScratchPostgres {
  /** A database that holds the migrations and nothing else; to be used as a template. */
  address: { host: string; port: number; user: string; database: string };
  stop(): Promise<void>;
}

/** Starts a PostgreSQL in a temporary folder with a migrated database. `stop()` removes all of it. */
export async function startScratchPostgres(): Promise<ScratchPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'roadstead-scratch-'));
  const postgres = await startEmbeddedPostgres({
    dataDir: join(folder, 'postgres'),
    log: createLog({ level: 'warn' }),
    settings: HASTY,
  });
  const { host, port, user, database } = postgres.connection;
  const address = { host, port, user, database };
  await withConnection(address, (db) => migrate(db));
  return {
    address,
    async stop() {
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function withConnection(
  address: DatabaseAddress,
  use: (db: ReturnType<typeof connect>) => Promise<unknown>,
): Promise<void> {
  const db = connect(address, {
    poolSize: 1,
    statementTimeoutMs: 60_000,
    applicationName: 'scratch',
  });
  try {
    await use(db);
  } finally {
    await db.destroy();
  }
}

/** Gives a migrated database to `use` and removes it afterwards. */
export async function withMigratedDatabase<T>(
  use: (connectionString: string) => Promise<T>,
): Promise<T> {
  const { address, stop } = await startScratchPostgres();
  try {
    const { host, port, user, database } = address;
    return await use(
      `postgres://${user}@/${database}?host=${encodeURIComponent(host)}&port=${port}`,
    );
  } finally {
    await stop();
  }
}
