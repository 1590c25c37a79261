import type { StoredBytes } from '../../platform/storage/index.ts';
import type { BlobRow, ShardRows } from './store/shards.ts';

/** Bytes that no row names may be on their way into one for so long: longer than any request takes. */
const SAFE_AGE_MS = 24 * 60 * 60 * 1000;

/** Bytes that this store's driver made, and that nothing names. */
export type Orphan = StoredBytes & { removal: string };

/** How a shard of the store differs from its rows. */
export interface Comparison {
  /** Blobs in service without bytes. */
  missing: BlobRow[];
  /** Blobs in service whose bytes have another size. */
  wrongSize: { blob: BlobRow; foundBytes: number }[];
  /** Blobs that are out of service, and whether bytes of the right size are there. */
  damaged: { blob: BlobRow; isThere: boolean }[];
  /** Bytes that nothing names, and that are too old to be on their way. */
  orphans: Orphan[];
  /** Bytes that nothing names yet. */
  young: Orphan[];
  /** What no driver has made. */
  foreign: StoredBytes[];
}

/** `mark`: a location that is in use, though no row of a blob names it. */
export function compare(
  stored: StoredBytes[],
  rows: ShardRows,
  { now, mark }: { now: Date; mark: string },
): Comparison {
  const sizes = new Map(
    stored.filter(({ isFinished }) => isFinished).map((bytes) => [bytes.location, bytes.sizeBytes]),
  );
  const result: Comparison = {
    missing: [],
    wrongSize: [],
    damaged: [],
    orphans: [],
    young: [],
    foreign: [],
  };
  const blobs = new Set<string>();
  for (const blob of rows.blobs) {
    blobs.add(blob.location);
    const foundBytes = sizes.get(blob.location);
    const isThere = foundBytes === blob.sizeBytes;
    if (blob.isDamaged) result.damaged.push({ blob, isThere });
    else if (foundBytes === undefined) result.missing.push(blob);
    else if (!isThere) result.wrongSize.push({ blob, foundBytes });
  }
  for (const bytes of stored) {
    const { location, writer, removal, isFinished, changedAt } = bytes;
    if (removal === undefined) {
      result.foreign.push(bytes);
      continue;
    }
    const isBlob = isFinished && (blobs.has(location) || location === mark);
    if (isBlob || rows.uploads.has(writer)) continue;
    if ([location, writer, removal].some((name) => rows.deletions.has(name))) continue;
    const isYoung = now.getTime() - changedAt.getTime() < SAFE_AGE_MS;
    result[isYoung ? 'young' : 'orphans'].push({ ...bytes, removal });
  }
  return result;
}

/** What both looks at a shard saw: the rest came or went in between. */
export function both(first: Comparison, second: Comparison): Comparison {
  const seen = new Set([
    ...first.missing.map(({ location }) => `missing ${location}`),
    ...first.wrongSize.map(({ blob }) => `size ${blob.location}`),
    ...first.orphans.map((bytes) => `orphan ${bytes.removal}`),
  ]);
  return {
    ...second,
    missing: second.missing.filter(({ location }) => seen.has(`missing ${location}`)),
    wrongSize: second.wrongSize.filter(({ blob }) => seen.has(`size ${blob.location}`)),
    orphans: second.orphans.filter(({ removal }) => seen.has(`orphan ${removal}`)),
  };
}
