import { createHash, randomBytes, type Hash } from 'node:crypto';

import type { Body } from './connection.ts';

const CHUNK_BYTES = 1024 * 1024;
const TAIL_BYTES = 16;
const POOL_CHUNKS = 64;

/** Bodies of one size from one piece of random memory, each with a tail and so a digest of its own. */
export class LargeBodies {
  static #pool: Buffer[] | undefined;
  readonly #sizeBytes: number;
  #prefix: Hash | undefined;

  constructor(sizeBytes: number) {
    this.#sizeBytes = sizeBytes;
  }

  next(): Body & { digest: string } {
    this.#prefix ??= this.#hashPrefix();
    const tail = randomBytes(TAIL_BYTES);
    const digest = `sha256:${this.#prefix.copy().update(tail).digest('hex')}`;
    const chunks = (function* (prefix: Iterable<Buffer>) {
      yield* prefix;
      yield tail;
    })(this.#chunks());
    return { digest, sizeBytes: this.#sizeBytes, chunks };
  }

  #hashPrefix(): Hash {
    const hash = createHash('sha256');
    for (const chunk of this.#chunks()) hash.update(chunk);
    return hash;
  }

  *#chunks(): Generator<Buffer> {
    LargeBodies.#pool ??= Array.from({ length: POOL_CHUNKS }, () => randomBytes(CHUNK_BYTES));
    let left = this.#sizeBytes - TAIL_BYTES;
    for (let n = 0; left > 0; n += 1) {
      const chunk = LargeBodies.#pool[n % POOL_CHUNKS]!.subarray(0, left);
      left -= chunk.length;
      yield chunk;
    }
  }
}
