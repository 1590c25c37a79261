import { deleteSigningKeys } from '../features/tokens/index.ts';
import { readConfig, toConfig } from '../platform/config/index.ts';
import { migrate } from '../platform/db/migrate.ts';
import type { Command } from './command.ts';
import { withDatabase } from './with-database.ts';

export const adminResetSigningKeys: Command = {
  name: 'admin reset-signing-keys',
  summary:
    'remove the keys that sign tokens, for when secret_key is lost; the server makes new ones',

  async run() {
    await withDatabase(toConfig(readConfig()), async (db) => {
      await migrate(db);
      await deleteSigningKeys(db);
    });
    console.log(
      'The keys are removed; tokens that were issued until now end, on running servers within a second.',
    );
    return 0;
  },
};
