import { join } from 'node:path';

import { Refusal } from '../../lib/errors.ts';
import type { Db } from '../../platform/db/connect.ts';
import { isEmptyDatabase } from '../../platform/db/dump/index.ts';
import { migrate } from '../../platform/db/migrate.ts';
import { inTransaction } from '../../platform/db/transaction.ts';
import { emit } from '../../platform/events/index.ts';
import { SHARDS, type BlobStorage } from '../../platform/storage/index.ts';
import { forgetMark } from '../fsck/index.ts';
import { takeHold } from '../garbage-collection/index.ts';
import { ACTOR } from './actor.ts';
import { findAbsent, type DamagedBlob } from './find-damage.ts';
import { loadDatabase } from './load-database.ts';
import type { RestoreOptions } from './restore-options.ts';
import { requireSuitable } from './require-suitable.ts';
import { restoreBlobs } from './restore-blobs.ts';
import * as store from './store.ts';
import { readVerified } from './verify-backup.ts';

/**
 * Puts a backup into an empty database and a store, or goes on where that ended. Answers the blobs that can't be
 * had: the restore is finished only when there are none, or it shall do without them.
 */
export async function restore(options: RestoreOptions): Promise<DamagedBlob[]> {
  const { db, root, name, keepBlobs, withoutDamaged, progress, signal } = options;
  const isBegun = await isBegunWith(db, options);
  progress.say('reading the backup');
  const manifest = await readVerified(join(root, name), signal);
  requireSuitable(manifest, options);
  if (!isBegun) {
    const absent = keepBlobs ? [] : await findAbsent(root, manifest, signal);
    if (absent.length > 0 && !withoutDamaged) return absent;
    await options.storage.prepare();
    if (!keepBlobs) await requireEmptyStore(options.storage);
    await loadDatabase(manifest, options);
  }
  await migrate(db);
  await forgetMark(db); // one that was copied may lack it
  await holdUntilChecked(db);
  const damaged = await restoreBlobs(options);
  if (damaged.length === 0 || withoutDamaged) await finish(db, name, damaged.length);
  return damaged;
}

/** From here on a server may start. */
async function finish(db: Db, name: string, lost: number): Promise<void> {
  await inTransaction(db, async (tx) => {
    await store.deleteUnfinishedRestore(tx);
    await emit(tx, {
      type: 'backup.restored',
      subject: { backup: name },
      after: { lost_blobs: lost },
      ...ACTOR,
    });
  });
}

/** Blobs get places of their own, so nothing could be overwritten; but nobody would know what all the rest is. */
async function requireEmptyStore(storage: BlobStorage): Promise<void> {
  for (const shard of SHARDS) {
    const stored = storage.list(shard)[Symbol.asyncIterator]();
    const first = await stored.next();
    await stored.return?.();
    if (first.done === true) continue;
    throw new Error(
      `the store is not empty (${first.value.location}). If its blobs are those of the backup, at their old places: --keep-blobs; else choose another data folder, bucket or s3.prefix`,
    );
  }
}

/** Nothing is removed until somebody has compared rows and store. */
async function holdUntilChecked(db: Db): Promise<void> {
  try {
    await takeHold(db, { name: 'restore', reason: 'a restore was not checked yet' });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error; // else it is held already
  }
}

/** Whether this restore has brought the rows already. Refuses a database with anything else in it. */
async function isBegunWith(db: Db, { root, name }: RestoreOptions): Promise<boolean> {
  const unfinished = await store.findUnfinishedRestore(db);
  if (unfinished?.backup === name) return true;
  if (unfinished !== undefined) {
    throw new Error(
      `this database holds an unfinished restore of ${unfinished.backup}, not of ${name}: go on with that one, or choose an empty database`,
    );
  }
  if (await isEmptyDatabase(db)) return false;
  throw new Error(
    `the database is not empty, and nothing is overwritten: restore ${join(root, name)} into a new one, with another data folder (ROADSTEAD_DATA) or another DATABASE_URL`,
  );
}
