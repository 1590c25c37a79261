import { LruMap } from '../../lib/lru-map.ts';
import { digestFromHash, type Digest, type DigestAlgorithm } from '../../oci/digest.ts';
import { readAll, type BlobStorage } from '../../platform/storage/index.ts';
import { Hasher, type ByteHash } from './byte-hash.ts';

/** A hash over the first `offsetBytes` of an upload. */
export interface LiveHash {
  hash: ByteHash;
  offsetBytes: number;
}

/** Hashes of the uploads that this process has the first bytes of, so that bytes are hashed once. */
export class LiveHashes {
  readonly #hashes = new LruMap<string, LiveHash>(10_000);
  readonly #hasher = new Hasher();

  /** A hash to go on with at this offset; undefined when the bytes before went through another process. */
  continueAt(
    uploadId: string,
    algorithm: DigestAlgorithm,
    offsetBytes: number,
  ): LiveHash | undefined {
    if (offsetBytes === 0) return { hash: this.#hasher.begin(algorithm), offsetBytes: 0 };
    const live = this.#hashes.get(uploadId);
    if (live?.offsetBytes !== offsetBytes || live.hash.algorithm !== algorithm) return undefined;
    // A copy: if this chunk fails, what is kept still fits the bytes that count.
    return { hash: live.hash.copy(), offsetBytes };
  }

  async keep(uploadId: string, live: LiveHash): Promise<void> {
    await live.hash.settle();
    this.#hashes.set(uploadId, live);
  }

  forget(uploadId: string): void {
    this.#hashes.delete(uploadId);
  }

  /** The digest of stored bytes: from the live hash if it covers them, else by reading them once more. */
  async digestStored(
    storage: BlobStorage,
    {
      location,
      sizeBytes,
      algorithm,
    }: { location: string; sizeBytes: number; algorithm: DigestAlgorithm },
    live: LiveHash | undefined,
  ): Promise<Digest> {
    if (live?.hash.algorithm === algorithm && live.offsetBytes === sizeBytes) {
      return digestFromHash(algorithm, await live.hash.digest());
    }
    const hash = this.#hasher.begin(algorithm);
    const reader = await storage.openReader(location, { start: 0, end: sizeBytes - 1 });
    for await (const chunk of readAll(reader)) {
      await hash.update(chunk);
      await hash.settle(); // the reader uses its memory again
    }
    return digestFromHash(algorithm, await hash.digest());
  }
}
