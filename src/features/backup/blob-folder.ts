import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { describeError } from '../../lib/describe-error.ts';
import { digestAlgorithm, digestFromHash, type Digest } from '../../oci/digest.ts';

const READ_BYTES = 1024 * 1024;

/** Content that all backups of a folder share: `blobs/sha256/ab/<hex digits>`, each written once. */
export const blobRoot = (root: string) => join(root, 'blobs');

export function blobPath(root: string, digest: Digest): string {
  const hex = digest.slice(digest.indexOf(':') + 1);
  return join(blobRoot(root), digestAlgorithm(digest), hex.slice(0, 2), hex);
}

/** Of blobs in the order of their digests those that the folder lacks. A file gets its name there when it is whole. */
export async function* eachAbsent<T extends { digest: Digest }>(
  root: string,
  blobs: AsyncIterable<T>,
): AsyncGenerator<T, void> {
  let shard = '';
  let names = new Set<string>();
  for await (const blob of blobs) {
    const path = blobPath(root, blob.digest);
    if (dirname(path) !== shard) {
      shard = dirname(path);
      names = new Set(existsSync(shard) ? await readdir(shard) : []);
    }
    if (!names.has(basename(path))) yield blob;
  }
}

/** Undefined: it is not there. */
export async function findFileSize(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ size }) => size,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    },
  );
}

/** The bytes of a blob can't be had, or are others than its digest names. */
export class UnreadableError extends Error {}

export function unreadable(cause: unknown): never {
  throw new UnreadableError(describeError(cause), { cause });
}

/** Writes a file whole, durably but for its name, if the bytes have the digest. */
export async function writeBlobFile(
  path: string,
  digest: Digest,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  const partial = `${path}.partial`;
  const handle = await open(partial, 'w', 0o600);
  try {
    for await (const chunk of requireDigest(chunks, digest)) await handle.writeFile(chunk);
    await handle.sync();
  } catch (cause) {
    await rm(partial, { force: true });
    throw cause;
  } finally {
    await handle.close();
  }
  await rename(partial, path);
}

/** The bytes of a file, which must be those that the digest names. */
export function readBlobFile(
  path: string,
  { digest, sizeBytes }: { digest: Digest; sizeBytes: number },
  signal: AbortSignal,
): AsyncGenerator<Buffer, void> {
  // It is memory that is taken before anything is read.
  const highWaterMark = Math.min(READ_BYTES, sizeBytes + 1);
  const chunks = createReadStream(path, { highWaterMark, signal });
  return requireDigest(chunks as AsyncIterable<Buffer>, digest);
}

/** Hands chunks on. Throws an `UnreadableError` where they break off, or at the end if they had another digest. */
async function* requireDigest<T extends Uint8Array>(
  chunks: AsyncIterable<T>,
  digest: Digest,
): AsyncGenerator<T, void> {
  const algorithm = digestAlgorithm(digest);
  const hash = createHash(algorithm);
  try {
    for await (const chunk of chunks) {
      hash.update(chunk);
      yield chunk;
    }
  } catch (cause) {
    unreadable(cause);
  }
  const actual = digestFromHash(algorithm, hash.digest());
  if (actual !== digest) throw new UnreadableError(`its bytes have the digest ${actual}`);
}
