import { buffer } from 'node:stream/consumers';

import { forEachAtOnce } from '../../lib/at-once.ts';
import { describeError } from '../../lib/describe-error.ts';
import { inTransaction } from '../../platform/db/transaction.ts';
import { BEGINNING, type BlobStorage } from '../../platform/storage/index.ts';
import {
  insertBlobDeletions,
  loseBlobs,
  relocateBlobs,
  type RelocatedBlob,
} from '../artifacts/index.ts';
import { blobPath, readBlobFile, UnreadableError } from './blob-folder.ts';
import type { DamagedBlob } from './find-damage.ts';
import type { RestoreOptions } from './restore-options.ts';
import * as store from './store.ts';

const BATCHES_AT_ONCE = 4;
const OF_A_BATCH_AT_ONCE = 4;
/** Up to this size a blob is read into memory and stored at once. */
const WHOLE_BYTES = 256 * 1024;
/** Longer than any batch takes. */
const PLANNED_SECONDS = 86_400;

type Options = Pick<
  RestoreOptions,
  'db' | 'storage' | 'root' | 'withoutDamaged' | 'progress' | 'signal'
>;

/**
 * Brings the bytes of all blobs that have none yet to new places in the store. Answers those that can't be had; if it
 * shall do without them, they are lost from then on.
 */
export async function restoreBlobs(options: Options): Promise<DamagedBlob[]> {
  const { db, storage, progress } = options;
  const damaged: DamagedBlob[] = [];
  progress.begin('blobs', await store.sumUnrestored(db));
  await forEachAtOnce(store.eachUnrestored(db), BATCHES_AT_ONCE, async (batch) => {
    damaged.push(...(await restoreBatch(options, batch)));
  });
  progress.end();
  if (damaged.length > 0 && !options.withoutDamaged) return damaged;
  for await (const batch of store.eachUnrestored(db)) {
    // A place of the old store could not even be asked for in another one.
    const lost = batch.map(({ id }) => ({ id, location: storage.newLocation() }));
    await record(options, lost, loseBlobs);
  }
  return damaged;
}

async function restoreBatch(
  options: Options,
  batch: store.UnrestoredBlob[],
): Promise<DamagedBlob[]> {
  const { db, storage, root, progress, signal } = options;
  const planned = batch
    .filter(({ isDamaged }) => !isDamaged)
    .map((blob) => ({ ...blob, location: storage.newLocation() }));
  // Written down first: cut off, they are removed like all bytes that nothing needs.
  await insertBlobDeletions(db, planned, PLANNED_SECONDS);
  const restored: RelocatedBlob[] = [];
  const damaged: DamagedBlob[] = [];
  try {
    await forEachAtOnce(planned, OF_A_BATCH_AT_ONCE, async (blob) => {
      signal.throwIfAborted();
      try {
        const location = await storeBlob(storage, blob, options);
        restored.push({ id: blob.id, planned: blob.location, location });
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof UnreadableError)) throw error;
        const reason = `${blobPath(root, blob.digest)}: ${describeError(error)}`;
        damaged.push({ digest: blob.digest, reason });
      }
      progress.add({ count: 1, bytes: blob.sizeBytes });
    });
  } finally {
    await record(options, restored, relocateBlobs);
  }
  return damaged;
}

/** Answers where the bytes are then, durably. */
async function storeBlob(
  storage: BlobStorage,
  { location, ...blob }: store.UnrestoredBlob & { location: string },
  { root, signal }: Options,
): Promise<string> {
  const chunks = readBlobFile(blobPath(root, blob.digest), blob, signal);
  if (blob.sizeBytes <= WHOLE_BYTES) {
    await storage.writeWhole(location, await buffer(chunks));
    return location;
  }
  const writer = await storage.openWriter(location, BEGINNING);
  try {
    for await (const chunk of chunks) await writer.write(chunk);
    return (await writer.finish()).location;
  } finally {
    await writer.close();
  }
}

/** Another run may have been quicker with some: then its places are the ones. */
async function record<T extends { id: number }>(
  { db }: Options,
  blobs: T[],
  write: (tx: Options['db'], blobs: T[]) => Promise<void>,
): Promise<void> {
  await inTransaction(db, async (tx) => {
    const ours = await store.deleteUnrestored(
      tx,
      blobs.map(({ id }) => id),
    );
    await write(
      tx,
      blobs.filter(({ id }) => ours.has(id)),
    );
  });
}
