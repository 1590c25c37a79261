import { join } from 'node:path';

import { inLongTransaction, isEmptyDatabase, loadTables } from '../../platform/db/dump/index.ts';
import {
  createMigrationTable,
  listMigrations,
  requireSupportedPostgres,
  runMigration,
} from '../../platform/db/migrate.ts';
import type { Manifest } from './manifest.ts';
import type { RestoreOptions } from './restore-options.ts';
import * as store from './store.ts';
import { openFile } from './stored-file.ts';

/** What is sealed with the secret key. */
const SECRETS = 'secret_check';
/** With what the store is marked: another store gets a mark of its own. */
const MARK = 'store_mark';

/**
 * Brings the rows into a schema of the backup's own version, and then to ours. All of it is one transaction: cut
 * off, it leaves the database empty.
 */
export async function loadDatabase(manifest: Manifest, options: RestoreOptions): Promise<void> {
  const { address, root, name, keepBlobs, newSecretKey, progress, signal } = options;
  const folder = join(root, name);
  const migrations = listMigrations();
  const own = manifest.migrations.length;
  const without = [...(newSecretKey ? [SECRETS] : []), ...(keepBlobs ? [] : [MARK])];
  const tables = manifest.tables.filter((table) => !without.includes(table.name));
  await inLongTransaction(address, { mode: 'write', signal }, async (transaction) => {
    const { db } = transaction;
    await requireSupportedPostgres(db);
    if (!(await isEmptyDatabase(db))) {
      throw new Error('the database has just been filled by another');
    }
    await createMigrationTable(db);
    for (const migration of migrations.slice(0, own)) await runMigration(db, migration);
    await loadTables(transaction, {
      ...manifest,
      tables,
      open(table) {
        progress.say(`table ${table.name}`);
        return openFile(folder, table.file);
      },
      signal,
    });
    for (const migration of migrations.slice(own)) await runMigration(db, migration);
    await store.insertUnfinishedRestore(
      db,
      { backup: name, folder: root },
      { areBlobsThere: keepBlobs },
    );
    await store.analyze(db);
  });
}
