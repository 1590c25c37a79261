import { join } from 'node:path';

import type { Config } from '../platform/config/index.ts';
import type { DatabaseAddress, Db } from '../platform/db/connect.ts';
import { findRunningPostgres } from '../platform/db/embedded/index.ts';
import { createLog } from '../platform/log/index.ts';
import { makeDataFolder } from '../server/process/primary.ts';
import { connectPrimary, openDatabase } from '../server/process/open-database.ts';

/** Lends a connection to the database, also while the server runs; starts the embedded one if it doesn't. */
export async function withDatabase<T>(
  config: Config,
  use: (db: Db, address: DatabaseAddress) => Promise<T>,
): Promise<T> {
  const log = createLog({ level: 'warn', destination: process.stderr });
  const isEmbedded = config.database_url === undefined;
  if (isEmbedded) makeDataFolder(config);
  const running = isEmbedded ? findRunningPostgres(join(config.data, 'postgres')) : undefined;
  if (running !== undefined) {
    const db = connectPrimary(running, config, log);
    try {
      return await use(db, running);
    } finally {
      await db.destroy();
    }
  }
  const database = await openDatabase(config, log);
  try {
    return await use(database.db, database.address);
  } finally {
    await database.close();
  }
}
