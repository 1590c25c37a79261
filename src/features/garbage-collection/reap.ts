import type { Platform } from '../../platform/index.ts';
import {
  claimBlobDeletions,
  finishBlobDeletions,
  postponeBlobDeletion,
} from '../artifacts/index.ts';

const BATCH = 100;
const AT_ONCE = 8;

/** Removes the bytes that are due from the store. What fails is tried again later; `signal` stops it between two. */
export async function reap(
  { db, storage, log }: Pick<Platform, 'db' | 'storage' | 'log'>,
  signal: AbortSignal,
): Promise<{ removed: number; bytes: number }> {
  const total = { removed: 0, bytes: 0 };
  for (;;) {
    signal.throwIfAborted();
    const due = await claimBlobDeletions(db, BATCH);
    if (due.length === 0) return total;
    const removed: typeof due = [];
    const queue = due.values();
    const removeNext = async () => {
      for (const deletion of queue) {
        if (signal.aborted) return;
        const { location } = deletion;
        try {
          await storage.remove(location);
          removed.push(deletion);
        } catch (error) {
          log.warn({ err: error, location }, 'bytes not removed');
          await postponeBlobDeletion(db, { location, error: String(error) });
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, removeNext));
    await finishBlobDeletions(
      db,
      removed.map(({ location }) => location),
    );
    total.removed += removed.length;
    total.bytes += removed.reduce((sum, { size_bytes }) => sum + size_bytes, 0);
  }
}
