import { findEventLag } from '../../platform/events/index.ts';
import type { Platform } from '../../platform/index.ts';
import { askDatabase } from './store.ts';

const TIMEOUT_MS = 3000;
/** Anyone may ask, so the store is asked less often. */
const FRESH_MS = 5000;
/** PostgreSQL, whose write-ahead log takes up to this, mostly shares the disk with the blobs. */
const LOW_BYTES = 1024 ** 3;
/** Somewhere a job moves events into the feed four times a second. */
const MOST_LAG_SECONDS = 60;

export interface Health {
  database: boolean;
  store: boolean;
  /** There is room for pushes, or no limit is known. */
  room: boolean;
  /** Some node does what there is to do in the background. */
  jobs: boolean;
}

export function createHealth({ db, storage }: Pick<Platform, 'db' | 'storage'>) {
  const isStoreHealthy = remember(() => within(storage.isHealthy(), false));
  const findSpace = remember(() => within(storage.findSpace(), undefined));
  const findLagSeconds = remember(() => within(findEventLag(db), 0));
  return async (): Promise<Health> => {
    const [database, store, space, lagSeconds] = await Promise.all([
      within(askDatabase(db), false),
      isStoreHealthy(),
      findSpace(),
      findLagSeconds(),
    ]);
    const room = space === undefined || space.freeBytes >= LOW_BYTES;
    return { database, store, room, jobs: lagSeconds < MOST_LAG_SECONDS };
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
