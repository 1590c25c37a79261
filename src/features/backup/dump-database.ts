import type { DatabaseAddress } from '../../platform/db/connect.ts';
import {
  copyTable,
  inLongTransaction,
  readShape,
  type LongTransaction,
} from '../../platform/db/dump/index.ts';
import { isUndefinedTable } from '../../platform/db/errors.ts';
import { listApplied, listMigrations, requireKnown } from '../../platform/db/migrate.ts';
import { isLeftOut } from './left-out.ts';
import type { Manifest } from './manifest.ts';
import type { Progress } from './progress.ts';
import * as store from './store.ts';
import { storeFile, type StoredFile } from './stored-file.ts';
import { beginBackup, nameOf } from './backup-folder.ts';

export interface Dump extends Pick<
  Manifest,
  | 'name'
  | 'postgres'
  | 'made_at'
  | 'snapshot'
  | 'migrations'
  | 'tables'
  | 'sequences'
  | 'partitions'
  | 'secret_check'
> {
  /** Where it is. */
  folder: string;
  blobs: store.Amount & { list: StoredFile };
}

export interface DumpOptions {
  address: DatabaseAddress;
  /** The folder of backups. */
  root: string;
  progress: Progress;
  signal: AbortSignal;
}

/** Writes all rows, as they are at one moment, into the place of a new backup. */
export async function dumpDatabase(options: DumpOptions): Promise<Dump> {
  return inLongTransaction(
    options.address,
    { mode: 'read', signal: options.signal },
    async (transaction) => {
      const { db } = transaction;
      const migrations = await listApplied(db).catch(explainEmpty);
      requireKnown(listMigrations(), migrations);
      const { made_at: madeAt, ...moment } = await store.findMoment(db);
      const name = nameOf(madeAt);
      const folder = await beginBackup(options.root, name);
      const { tables: all, ...shape } = await readShape(db);
      const sealed = await store.findSecretCheck(db);
      const tables: Dump['tables'] = [];
      for (const table of all.filter((one) => !isLeftOut(one.name))) {
        tables.push(await dumpTable(transaction, table, { ...options, folder }));
      }
      const rows = transaction.copyOut(await store.listBlobsStatement(db));
      const list = await storeFile(folder, 'blobs.zst', rows, options.signal);
      return {
        folder,
        name,
        ...moment,
        made_at: madeAt.toISOString(),
        migrations,
        tables,
        ...shape,
        ...(sealed === undefined ? {} : { secret_check: sealed.toString('base64') }),
        blobs: { ...(await store.sumBlobs(db)), list },
      };
    },
  );
}

async function dumpTable(
  transaction: LongTransaction,
  table: { name: string; columns: string[] },
  { folder, progress, signal }: DumpOptions & { folder: string },
): Promise<Dump['tables'][number]> {
  progress.say(`table ${table.name}`);
  const rows = copyTable(transaction, table);
  const file = await storeFile(folder, `db/${table.name}.copy.zst`, rows, signal);
  return { ...table, rows: rows.rows, file };
}

function explainEmpty(cause: unknown): never {
  if (!isUndefinedTable(cause)) throw cause;
  throw new Error('there is no registry in this database yet; start the server once first', {
    cause,
  });
}
