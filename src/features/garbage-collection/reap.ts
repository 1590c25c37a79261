import { describeError } from '../../lib/describe-error.ts';
import type { Platform } from '../../platform/index.ts';
import {
  claimBlobDeletions,
  finishBlobDeletions,
  postponeBlobDeletion,
} from '../artifacts/index.ts';

const AT_ONCE = 8;

export interface Reaped {
  /** Bytes whose time had come. */
  due: number;
  removed: number;
  bytes: number;
}

/**
 * Removes bytes that are due from the store, `limit` at most. What fails is tried again later; `signal` stops it
 * between two.
 */
export async function reapSome(
  { db, storage, log }: Pick<Platform, 'db' | 'storage' | 'log'>,
  limit: number,
  signal: AbortSignal,
): Promise<Reaped> {
  const due = await claimBlobDeletions(db, limit);
  const removed: typeof due = [];
  const failed: { location: string; error: string }[] = [];
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
        failed.push({ location, error: describeError(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, removeNext));
  await finishBlobDeletions(
    db,
    removed.map(({ location }) => location),
  );
  for (const failure of failed) await postponeBlobDeletion(db, failure);
  return {
    due: due.length,
    removed: removed.length,
    bytes: removed.reduce((sum, { size_bytes }) => sum + size_bytes, 0),
  };
}
