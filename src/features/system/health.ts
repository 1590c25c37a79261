import { formatBytes } from '../../lib/format-bytes.ts';
import { diskState, type Disk } from '../../platform/disk/index.ts';
import { findEventLag } from '../../platform/events/index.ts';
import type { Platform } from '../../platform/index.ts';
import { askDatabase } from './store.ts';

const TIMEOUT_MS = 3000;
/** Anyone may ask, so the store is asked less often. */
const FRESH_MS = 5000;
/** Somewhere a job moves events into the feed four times a second. */
const MOST_LAG_SECONDS = 60;

export interface Health {
  database: boolean;
  store: boolean;
  /** What is wrong with the room for pushes, if anything. */
  disk: string | undefined;
  /** Some node does what there is to do in the background. */
  jobs: boolean;
}

type Deps = Pick<Platform, 'db' | 'storage' | 'disks' | 'config'>;

export function createHealth({ db, storage, disks, config }: Deps) {
  const isStoreHealthy = remember(() => within(storage.isHealthy(), false));
  const findDisk = remember(() => within(findFullDisk(disks, config), undefined));
  const findLagSeconds = remember(() => within(findEventLag(db), 0));
  return async (): Promise<Health> => {
    const [database, store, disk, lagSeconds] = await Promise.all([
      within(askDatabase(db), false),
      isStoreHealthy(),
      findDisk(),
      findLagSeconds(),
    ]);
    return { database, store, disk, jobs: lagSeconds < MOST_LAG_SECONDS };
  };
}

async function findFullDisk(
  disks: Deps['disks'],
  { storage }: Deps['config'],
): Promise<string | undefined> {
  for (const disk of await disks.list()) {
    const state = diskState(disk, storage, 'ok');
    if (state === 'used up') return `${describeDisk(disk)}; pushes are refused, make room`;
    if (state === 'low') return `${describeDisk(disk)}; make room for pushes`;
  }
  return undefined;
}

function describeDisk({ holds, freeBytes, totalBytes }: Disk): string {
  const contents = holds.map((content) => `the ${content}`).join(' and ');
  return `the disk of ${contents} has ${formatBytes(freeBytes)} of ${formatBytes(totalBytes)} left`;
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
