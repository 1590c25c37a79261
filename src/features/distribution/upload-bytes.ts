import { inTransaction } from '../../platform/db/transaction.ts';
import type { RepositoryKey } from '../access/index.ts';
import { forgetBlobDeletion, insertBlobDeletion, putBlob } from '../artifacts/index.ts';
import * as store from './store.ts';
import { outOfOrder, projectGone, type ClaimedUpload, type UploadDeps } from './upload.ts';

/** Longer than a writer that lost its lease can go on before it notices. */
const LOST_WRITER_SECONDS = 24 * 60 * 60;

/** Forgets an upload and its bytes: with a fence only while the lease is ours, else whoever writes to it. */
export async function discardUpload(
  deps: UploadDeps,
  { id, fence }: { id: string; fence?: number },
): Promise<void> {
  const left = await forgetUpload(deps.db, { id, fence });
  if (left === undefined) return;
  deps.liveHashes.forget(id);
  deps.metrics.uploads.inc({ result: 'discarded' });
  await removeLeftBytes(deps, left.location, left.is_leased);
}

/** Gives an upload up that can't be gone on with. False: somebody has written to it, or it is gone. */
export async function giveUpUpload(
  db: UploadDeps['db'],
  upload: { id: string; fence: number },
): Promise<boolean> {
  return (await forgetUpload(db, upload)) !== undefined;
}

/** Its bytes are listed for removal. */
async function forgetUpload(
  db: UploadDeps['db'],
  { id, fence }: { id: string; fence: number | undefined },
): Promise<store.LeftBytes | undefined> {
  return inTransaction(db, async (tx) => {
    const deleted = await store.deleteUpload(tx, id, fence);
    if (deleted === undefined) return undefined;
    const left = { ...deleted, is_leased: deleted.is_leased && fence === undefined };
    await listForRemoval(tx, left);
    return left;
  });
}

/**
 * Makes the bytes of an upload whose repository was deleted meanwhile a blob of the one that is there now, as if the
 * request had come behind the delete. Undefined: the upload itself is gone.
 */
export async function endElsewhere(
  { db }: UploadDeps,
  { id, fence }: { id: string; fence: number },
  blob: store.FinishedBlob,
  repository: RepositoryKey,
): Promise<{ isUsed: boolean } | undefined> {
  return inTransaction(db, async (tx) => {
    if ((await store.deleteUpload(tx, id, fence)) === undefined) return undefined;
    for (const location of blob.left) {
      await insertBlobDeletion(tx, { location, sizeBytes: 0, delaySeconds: 0 });
    }
    const ended = await putBlob(tx, repository, blob);
    if (ended === undefined) throw projectGone();
    return ended;
  });
}

/**
 * Sees to it that a writer that lost its lease, and may still write, can't spoil what we go on with: unless the
 * store sees to it, by a copy under a key of its own.
 * Both keys are on the list of what to delete while they are not in the row, so that no crash leaves bytes.
 */
export async function takeOver(deps: UploadDeps, upload: ClaimedUpload): Promise<void> {
  const { db, storage } = deps;
  if (storage.copyPrefix === undefined) {
    upload.isShared = false;
    return;
  }
  const old = { location: upload.location, size_bytes: upload.offset_bytes, is_leased: true };
  const location = storage.newLocation();
  await listForRemoval(db, { ...old, location });
  await storage.copyPrefix(old.location, location, upload.offset_bytes);
  const isMoved = await inTransaction(db, async (tx) => {
    if (!(await store.moveUpload(tx, upload, location))) return false;
    await forgetBlobDeletion(tx, location);
    await listForRemoval(tx, old);
    return true;
  });
  if (!isMoved) {
    await removeLeftBytes(deps, location);
    throw outOfOrder(upload);
  }
  upload.location = location;
  upload.isShared = false;
  await removeLeftBytes(deps, old.location, true);
}

/** Gives up to `limit` uploads up that nobody went on with, and lists their bytes for removal. Answers how many. */
export async function expireUploads(
  db: UploadDeps['db'],
  age: { ageSeconds: number; limit: number },
): Promise<number> {
  return inTransaction(db, async (tx) => {
    const abandoned = await store.deleteAbandonedUploads(tx, age);
    for (const left of abandoned) await listForRemoval(tx, left);
    return abandoned.length;
  });
}

async function listForRemoval(
  db: UploadDeps['db'],
  { location, size_bytes, is_leased }: store.LeftBytes,
): Promise<void> {
  await insertBlobDeletion(db, {
    location,
    sizeBytes: size_bytes,
    delaySeconds: is_leased ? LOST_WRITER_SECONDS : 0,
  });
}

/**
 * Removes bytes that are on the list of what to delete. They stay on it when a writer may bring them back,
 * and when they can't be removed now.
 */
export async function removeLeftBytes(
  { db, storage, log }: UploadDeps,
  location: string,
  isLeased = false,
): Promise<void> {
  try {
    await storage.remove(location);
    if (!isLeased) await forgetBlobDeletion(db, location);
  } catch (error) {
    log.warn({ err: error, location }, 'bytes of an upload not removed');
  }
}
