import type { Platform } from '../../platform/index.ts';
import { askDatabase } from './store.ts';

const TIMEOUT_MS = 3000;
/** Anyone may ask, so the store is asked less often. */
const FRESH_MS = 5000;
/** PostgreSQL, whose write-ahead log takes up to this, mostly shares the disk with the blobs. */
const LOW_BYTES = 1024 ** 3;

export interface Health {
  database: boolean;
  store: boolean;
  /** There is room for pushes, or no limit is known. */
  room: boolean;
}

export function createHealth({ db, storage }: Pick<Platform, 'db' | 'storage'>) {
  const isStoreHealthy = remember(() => within(storage.isHealthy(), false));
  const findFreeBytes = remember(() => within(storage.findFreeBytes(), undefined));
  return async (): Promise<Health> => {
    const [database, store, freeBytes = Infinity] = await Promise.all([
      within(askDatabase(db), false),
      isStoreHealthy(),
      findFreeBytes(),
    ]);
    return { database, store, room: freeBytes >= LOW_BYTES };
  };
}

/** What `work` answers; `otherwise` when it fails or takes too long. */
async function within<T, U>(work: Promise<T>, otherwise: U): Promise<T | U> {
  const { promise: tooLate, resolve } = Promise.withResolvers<U>();
  const timer = setTimeout(() => resolve(otherwise), TIMEOUT_MS);
  try {
    return await Promise.race([work.catch(() => otherwise), tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

function remember<T>(find: () => Promise<T>): () => Promise<T> {
  let known: { value: Promise<T>; until: number } | undefined;
  return () => {
    const now = performance.now();
    if (known === undefined || known.until < now) known = { value: find(), until: now + FRESH_MS };
    return known.value;
  };
}
