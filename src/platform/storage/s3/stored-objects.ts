import type { StoredBytes } from '../adapter.ts';
import type { Bucket } from './bucket.ts';

/** The key of an upload; with a suffix that of one of its tails. */
const LOCATION = /^[0-9a-f]{2}\/[0-9a-f-]{36}(\.[0-9a-f]{16})?$/;
/** Of an upload only the object, or only the parts: its tails, one of which may be a blob, stay. */
const PIECE = /^([0-9a-f]{2}\/[0-9a-f-]{36})\.(whole|parts)$/;

export function requireLocation(location: string): string {
  if (LOCATION.test(location)) return location;
  throw new Error(`not a location of the S3 store: ${location}`);
}

const writerOf = (key: string) => key.split('.', 1)[0]!;

export async function* listStored(bucket: Bucket, shard: string): AsyncGenerator<StoredBytes> {
  for await (const { key, sizeBytes, changedAt } of bucket.list(`${shard}/`)) {
    const writer = writerOf(key);
    const removal = key === writer ? `${key}.whole` : key;
    yield {
      location: key,
      writer,
      isFinished: true,
      sizeBytes,
      changedAt,
      removal: LOCATION.test(key) ? removal : undefined,
    };
  }
  for await (const { key, begunAt } of bucket.listPartial(`${shard}/`)) {
    yield {
      location: key,
      writer: key,
      isFinished: false,
      sizeBytes: 0,
      changedAt: begunAt,
      removal: LOCATION.test(key) ? `${key}.parts` : undefined,
    };
  }
}

export async function removeStored(bucket: Bucket, location: string): Promise<void> {
  const [, key, piece] = PIECE.exec(location) ?? [];
  if (key !== undefined) {
    return piece === 'whole' ? bucket.delete(key) : dropParts(bucket, key);
  }
  if (requireLocation(location).includes('.')) return bucket.delete(location);
  await dropParts(bucket, location);
  for await (const found of bucket.list(location)) await bucket.delete(found.key);
}

/** Forgets what multipart uploads of a key there are. */
export async function dropParts(bucket: Bucket, key: string): Promise<void> {
  for (const uploadId of await findPartial(bucket, key)) await bucket.dropParts(key, uploadId);
}

export async function findPartial(bucket: Bucket, key: string): Promise<string[]> {
  const found: string[] = [];
  for await (const partial of bucket.listPartial(key)) {
    if (partial.key === key) found.push(partial.uploadId);
  }
  return found;
}
