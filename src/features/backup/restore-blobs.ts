import { forEachAtOnce } from '../../lib/at-once.ts';
import { describeError } from '../../lib/describe-error.ts';
import { BEGINNING } from '../../platform/storage/index.ts';
import { inTransaction } from '../../platform/db/transaction.ts';
import { forgetBlobDeletion, insertBlobDeletion, relocateBlob } from '../artifacts/index.ts';
import { blobPath, readBlobFile, UnreadableError } from './blob-folder.ts';
import type { DamagedBlob } from './find-damage.ts';
import type { RestoreOptions } from './restore-options.ts';
import * as store from './store.ts';

const AT_ONCE = 8;
/** Longer than any blob takes. */
const PLANNED_SECONDS = 86_400;

type Options = Pick<
  RestoreOptions,
  'db' | 'storage' | 'root' | 'withoutDamaged' | 'progress' | 'signal'
>;

/**
 * Brings the bytes of all blobs that have none yet to new places in the store, and ends the restore. Answers those
 * that can't be had: without leave to do without them the restore is not ended.
 */
export async function restoreBlobs(options: Options): Promise<DamagedBlob[]> {
  const { db, progress, signal } = options;
  const damaged: DamagedBlob[] = [];
  progress.begin('blobs', await store.sumUnrestored(db));
  await forEachAtOnce(store.eachUnrestored(db), AT_ONCE, async (blob) => {
    signal.throwIfAborted();
    try {
      await restoreBlob(options, blob);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof UnreadableError)) throw error;
      const reason = `${blobPath(options.root, blob.digest)}: ${describeError(error)}`;
      damaged.push({ digest: blob.digest, reason });
    }
    progress.add({ count: 1, bytes: blob.sizeBytes });
  });
  progress.end();
  if (damaged.length > 0 && !options.withoutDamaged) return damaged;
  // A place of the old store could not even be asked for in another one.
  for await (const { id } of store.eachUnrestored(db)) {
    await record(options, { id, location: options.storage.newLocation() });
  }
  await store.deleteUnfinishedRestore(db);
  return damaged;
}

async function restoreBlob(options: Options, blob: store.UnrestoredBlob): Promise<void> {
  const { db, storage, root, signal } = options;
  const { id, digest, sizeBytes } = blob;
  const planned = storage.newLocation();
  // Written down first: cut off, it is removed like all bytes that nothing needs.
  await insertBlobDeletion(db, { location: planned, sizeBytes, delaySeconds: PLANNED_SECONDS });
  const writer = await storage.openWriter(planned, BEGINNING);
  try {
    for await (const chunk of readBlobFile(blobPath(root, digest), digest, signal)) {
      await writer.write(chunk);
    }
    const { location } = await writer.finish();
    await record(options, { id, location, planned });
  } finally {
    await writer.close();
  }
}

async function record(
  { db }: Options,
  { id, location, planned }: { id: number; location: string; planned?: string },
): Promise<void> {
  await inTransaction(db, async (tx) => {
    // Another run may have been quicker: its place is the one.
    if (!(await store.deleteUnrestored(tx, id))) return;
    await relocateBlob(tx, { id, location });
    if (planned !== undefined) await forgetBlobDeletion(tx, planned);
  });
}
