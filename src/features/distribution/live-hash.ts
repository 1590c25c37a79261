import { createHash, type Hash } from 'node:crypto';

import { LruMap } from '../../lib/lru-map.ts';
import { digestFromHash, type Digest, type DigestAlgorithm } from '../../oci/digest.ts';
import { readAll, type BlobStorage } from '../../platform/storage/index.ts';

/** A hash over the first `offsetBytes` of an upload. */
export interface LiveHash {
  algorithm: DigestAlgorithm;
  hash: Hash;
  offsetBytes: number;
}

/** Hashes of the uploads that this process has the first bytes of, so that bytes are hashed once. */
export class LiveHashes {
  readonly #hashes = new LruMap<string, LiveHash>(10_000);

  /** A hash to go on with at this offset; undefined when the bytes before went through another process. */
  continueAt(
    uploadId: string,
    algorithm: DigestAlgorithm,
    offsetBytes: number,
  ): LiveHash | undefined {
    if (offsetBytes === 0) return { algorithm, hash: createHash(algorithm), offsetBytes: 0 };
    const live = this.#hashes.get(uploadId);
    if (live?.offsetBytes !== offsetBytes || live.algorithm !== algorithm) return undefined;
    // A copy: if this chunk fails, what is kept still fits the bytes that count.
    return { algorithm, hash: live.hash.copy(), offsetBytes };
  }

  keep(uploadId: string, live: LiveHash): void {
    this.#hashes.set(uploadId, live);
  }

  forget(uploadId: string): void {
    this.#hashes.delete(uploadId);
  }
}

/** The digest of stored bytes: from the live hash if it covers them, else by reading them once more. */
export async function digestStoredBytes(
  storage: BlobStorage,
  {
    location,
    sizeBytes,
    algorithm,
  }: { location: string; sizeBytes: number; algorithm: DigestAlgorithm },
  live: LiveHash | undefined,
): Promise<Digest> {
  if (live?.algorithm === algorithm && live.offsetBytes === sizeBytes) {
    return digestFromHash(algorithm, live.hash.copy().digest());
  }
  const hash = createHash(algorithm);
  const reader = await storage.openReader(location, { start: 0, end: sizeBytes - 1 });
  for await (const chunk of readAll(reader)) hash.update(chunk);
  return digestFromHash(algorithm, hash.digest());
}
