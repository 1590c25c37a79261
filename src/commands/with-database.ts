import { join } from 'node:path';

import { readConfig, toConfig } from '../platform/config/index.ts';
import type { Db } from '../platform/db/connect.ts';
import { findRunningPostgres } from '../platform/db/embedded/index.ts';
import { createLog } from '../platform/log/index.ts';
import { connectPrimary, openDatabase } from '../server/process/open-database.ts';

/** Lends a connection to the database, also while the server runs; starts the embedded one if it doesn't. */
export async function withDatabase<T>(use: (db: Db) => Promise<T>): Promise<T> {
  const config = toConfig(readConfig());
  const log = createLog({ level: 'warn' });
  const running =
    config.database_url === undefined
      ? findRunningPostgres(join(config.data, 'postgres'))
      : { connectionString: config.database_url.reveal() };
  if (running !== undefined) {
    const db = connectPrimary(running, config, log);
    try {
      return await use(db);
    } finally {
      await db.destroy();
    }
  }
  const database = await openDatabase(config, log);
  try {
    return await use(database.db);
  } finally {
    await database.close();
  }
}
