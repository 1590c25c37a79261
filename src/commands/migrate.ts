import { readConfig, toConfig } from '../platform/config/index.ts';
import { migrate } from '../platform/db/migrate.ts';
import type { Command } from './command.ts';
import { withDatabase } from './with-database.ts';

export const migrateCommand: Command = {
  name: 'migrate',
  summary: 'bring the database to this version (the server does it at start, too)',

  async run() {
    const applied = await withDatabase(toConfig(readConfig()), (db) => migrate(db));
    console.log(
      applied.length === 0 ? 'The database is up to date.' : `Applied: ${applied.join(', ')}`,
    );
    return 0;
  },
};
