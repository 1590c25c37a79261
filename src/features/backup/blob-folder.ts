import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { describeError } from '../../lib/describe-error.ts';
import { digestAlgorithm, digestFromHash, type Digest } from '../../oci/digest.ts';

const READ_BYTES = 1024 * 1024;

/** Content that all backups of a folder share: `blobs/sha256/ab/<hex digits>`, each written once. */
export const blobRoot = (root: string) => join(root, 'blobs');

export function blobPath(root: string, digest: Digest): string {
  const hex = digest.slice(digest.indexOf(':') + 1);
  return join(blobRoot(root), digestAlgorithm(digest), hex.slice(0, 2), hex);
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

export async function makeShard(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
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
  digest: Digest,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void> {
  const chunks = createReadStream(path, { highWaterMark: READ_BYTES, signal });
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
