import { createHash, type Hash } from 'node:crypto';

import type { DigestAlgorithm } from '../../oci/digest.ts';
import { HashThread, SLAB_BYTES, type HashInThread } from './hash-thread.ts';

/** However small the chunks are: a million of one byte would cost far more memory than their bytes. */
const MOST_CHUNKS = 1024;

/** Makes hashes, and starts the thread that the large ones need. */
export class Hasher {
  #thread: HashThread | undefined;

  begin(algorithm: DigestAlgorithm): ByteHash {
    return new ByteHash(algorithm, () => this.#useThread());
  }

  #useThread(): HashThread {
    if (this.#thread?.isUsable !== true) this.#thread = new HashThread();
    return this.#thread;
  }
}

/** A hash over bytes as they come. Few are hashed here, which is quicker, many in a thread of their own. */
export class ByteHash {
  readonly algorithm: DigestAlgorithm;
  readonly #useThread: () => HashThread;
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  /** Where the bytes before those gathered are, if there are any: here … */
  #here: Hash | undefined;
  /** … or in the thread. */
  #there: { thread: HashThread; hash: HashInThread } | undefined;

  constructor(algorithm: DigestAlgorithm, useThread: () => HashThread) {
    this.algorithm = algorithm;
    this.#useThread = useThread;
  }

  /** The chunk may be kept until the next call of `settle` or `digest`. */
  async update(chunk: Uint8Array): Promise<void> {
    if (this.#here !== undefined) {
      this.#here.update(chunk);
      return;
    }
    for (let rest = chunk; rest.byteLength > 0;) {
      const taken = rest.subarray(0, SLAB_BYTES - this.#gatheredBytes);
      rest = rest.subarray(taken.byteLength);
      this.#gathered.push(taken);
      this.#gatheredBytes += taken.byteLength;
      const isFull = this.#gatheredBytes === SLAB_BYTES || this.#gathered.length === MOST_CHUNKS;
      if (isFull) await this.#handOver();
    }
  }

  /** Keeps no chunk any more. */
  async settle(): Promise<void> {
    if (this.#there !== undefined) {
      if (this.#gatheredBytes > 0) await this.#handOver();
      return;
    }
    this.#here ??= createHash(this.algorithm);
    for (const chunk of this.#takeGathered()) this.#here.update(chunk);
  }

  /** Of all bytes so far; more may follow. */
  async digest(): Promise<Buffer> {
    await this.settle();
    return this.#there === undefined
      ? this.#here!.copy().digest()
      : this.#there.thread.digest(this.#there.hash);
  }

  /** Another one over the same bytes. Settle first. */
  copy(): ByteHash {
    const copy = new ByteHash(this.algorithm, this.#useThread);
    copy.#here = this.#here?.copy();
    if (this.#there !== undefined) {
      const { thread, hash } = this.#there;
      copy.#there = { thread, hash: thread.copy(hash) };
    }
    return copy;
  }

  async #handOver(): Promise<void> {
    if (this.#there === undefined) {
      const thread = this.#useThread();
      this.#there = { thread, hash: thread.begin() };
    }
    const { thread, hash } = this.#there;
    await thread.update(hash, this.algorithm, this.#takeGathered());
  }

  #takeGathered(): Uint8Array[] {
    const gathered = this.#gathered;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    return gathered;
  }
}
