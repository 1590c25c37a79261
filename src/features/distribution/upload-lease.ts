import { Refusal } from '../../lib/errors.ts';
import * as store from './store.ts';
import {
  checkpointOf,
  outOfOrder,
  uploadGone,
  type ClaimedUpload,
  type UploadDeps,
} from './upload.ts';
import { takeOver } from './upload-bytes.ts';

const RENEW_MS = (store.LEASE_SECONDS * 1000) / 3;

/** Does `work` as the only one who may write to the upload, which we have claimed. */
export async function withLease<T>(
  deps: UploadDeps,
  upload: store.Upload,
  work: (claimed: ClaimedUpload, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const live = deps.liveHashes.continueAt(upload.id, upload.algorithm, upload.offset_bytes);
  // Its last writer never gave the lease back, and may still write.
  const claimed = { ...upload, live, isShared: upload.is_leased };
  const writing = holdLease(deps, claimed, async (signal) => {
    if (claimed.isShared) await takeOver(deps, claimed);
    return work(claimed, signal);
  });
  deps.writing.add(writing);
  try {
    return await writing;
  } finally {
    deps.writing.delete(writing);
  }
}

/** Renews the lease while `work` runs; stops it when the lease is lost. Gives it back when the work fails. */
async function holdLease<T>(
  { db, log }: UploadDeps,
  upload: ClaimedUpload,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const lost = new AbortController();
  const timer = setInterval(() => {
    store.renewLease(db, upload.id, upload.fence).then(
      (isOurs) => isOurs || lost.abort(outOfOrder(upload)),
      (error: unknown) => log.warn({ err: error, upload: upload.id }, 'upload lease not renewed'),
    );
  }, RENEW_MS);
  try {
    return await work(lost.signal);
  } catch (cause) {
    // Without a copy of our own the lease only runs out, so that the next one makes a copy.
    const isOurs =
      upload.isShared ||
      (await store.commitOffset(db, upload, checkpointOf(upload)).catch(() => true));
    const mayBeGone = !(cause instanceof Refusal) || cause.code === 'RANGE_INVALID';
    if (!isOurs && mayBeGone && !(await store.isUpload(db, upload.id))) throw uploadGone(cause);
    throw cause;
  } finally {
    clearInterval(timer);
  }
}
