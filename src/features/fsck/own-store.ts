import { join } from 'node:path';

import type { Config } from '../../platform/config/index.ts';
import type { Db } from '../../platform/db/connect.ts';
import { inTransaction } from '../../platform/db/transaction.ts';
import type { BlobStorage } from '../../platform/storage/index.ts';
import { ensureMark, listNewestBlobs, lockMark, markWritten, renewMark } from './store/mark.ts';

/** The location that no blob has: what is there says which database the store belongs to. */
export const MARK = '00/00000000-0000-0000-0000-000000000000';

interface OwnStore {
  db: Db;
  storage: BlobStorage;
  config: Pick<Config, 'data' | 's3'>;
}

/**
 * Refuses a store that is not the one of this database: all blobs would seem to be lost, and what is pushed would be in
 * two places. At the first start the store is marked as its own.
 */
export async function requireOwnStore({ db, storage, config }: OwnStore): Promise<void> {
  await ensureMark(db); // committed before the store is marked with it, so that no crash makes it a foreign one
  await inTransaction(db, async (tx) => {
    const { id, isWritten } = await lockMark(tx);
    const found = await findMark(storage);
    if (found !== undefined && found !== id) {
      throw foreignStore(config, 'it is marked as the store of another database');
    }
    if (isWritten) {
      if (found === undefined) throw foreignStore(config, 'it lacks the mark of this database');
      return;
    }
    if (found === undefined) {
      if (!(await holdsSomeBlob(tx, storage))) {
        throw foreignStore(config, 'blobs of this database are not in it');
      }
      await storage.writeWhole(MARK, describeMark(id));
    }
    await markWritten(tx);
  });
}

/** Makes a store the one of this database, whatever is in it. */
export async function acceptStore({
  db,
  storage,
}: Pick<OwnStore, 'db' | 'storage'>): Promise<void> {
  await ensureMark(db);
  await renewMark(db);
  await inTransaction(db, async (tx) => {
    const { id } = await lockMark(tx);
    await storage.remove(MARK);
    await storage.writeWhole(MARK, describeMark(id));
    await markWritten(tx);
  });
}

const describeMark = (id: string) =>
  Buffer.from(
    `${JSON.stringify({ id, about: 'This store belongs to the database of Roadstead that knows this id.' })}\n`,
  );

async function findMark(storage: BlobStorage): Promise<string | undefined> {
  if ((await storage.findSize(MARK)) === undefined) return undefined;
  const text = (await storage.readWhole(MARK)).toString();
  return /"id":"([0-9a-f-]{36})"/.exec(text)?.[1] ?? 'damaged';
}

/** Whether the newest blobs, of a database from before there were marks, are not all missing. */
async function holdsSomeBlob(db: Db, storage: BlobStorage): Promise<boolean> {
  const locations = await listNewestBlobs(db);
  const sizes = await Promise.all(locations.map((location) => storage.findSize(location)));
  return sizes.length === 0 || sizes.some((size) => size !== undefined);
}

function foreignStore({ s3, data }: OwnStore['config'], reason: string): Error {
  const store =
    s3.bucket === undefined
      ? `folder ${join(data, 'blobs')}`
      : `bucket ${s3.bucket}${s3.prefix === '' ? '' : `, prefix ${s3.prefix}`}`;
  return new Error(
    `the blob store (${store}) is not the one of this database: ${reason}. Correct data, s3.bucket or s3.prefix, or database_url, and see that the folder is mounted; all nodes have one store. If it is the right one: roadstead fsck --accept-store`,
  );
}
