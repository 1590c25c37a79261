import { Worker } from 'node:worker_threads';

import type { DigestAlgorithm } from '../../oci/digest.ts';
import type { FromHashThread, ToHashThread } from './hash-messages.ts';

export const SLAB_BYTES = 512 * 1024;
/** Enough that the thread always has some to hash while others are filled. */
const SLABS = 8;

/** A hash in the thread; forgotten there when nobody holds this any more. */
export interface HashInThread {
  id: number;
}

/** Hashes in a thread of their own: bytes go there in slabs, which come back to be filled again. */
export class HashThread {
  readonly #worker = new Worker(new URL('./hash-thread-main.ts', import.meta.url));
  readonly #free = Array.from({ length: SLABS }, () => new ArrayBuffer(SLAB_BYTES));
  readonly #waiting: PromiseWithResolvers<ArrayBuffer>[] = [];
  readonly #questions = new Map<number, PromiseWithResolvers<Uint8Array>>();
  readonly #forgotten = new FinalizationRegistry<number>((id) =>
    this.#send({ type: 'forget', id }),
  );
  #failure: Error | undefined;
  #lastId = 0;

  constructor() {
    this.#worker.unref();
    this.#worker.on('message', (message: FromHashThread) => this.#receive(message));
    this.#worker.on('error', (error: Error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new Error('the thread that hashes ended')));
  }

  get isUsable(): boolean {
    return this.#failure === undefined;
  }

  begin(): HashInThread {
    const hash = { id: (this.#lastId += 1) };
    this.#forgotten.register(hash, hash.id);
    return hash;
  }

  copy(from: HashInThread): HashInThread {
    const copy = this.begin();
    this.#send({ type: 'copy', id: copy.id, from: from.id });
    return copy;
  }

  /** Adds bytes, no more than a slab holds; they are free again when this resolves. */
  async update({ id }: HashInThread, algorithm: DigestAlgorithm, chunks: Uint8Array[]) {
    const slab = await this.#takeSlab();
    const bytes = new Uint8Array(slab);
    let sizeBytes = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, sizeBytes);
      sizeBytes += chunk.byteLength;
    }
    this.#send({ type: 'update', id, algorithm, slab, sizeBytes }, slab);
  }

  /** The digest of all bytes so far. */
  async digest({ id }: HashInThread): Promise<Buffer> {
    if (this.#failure !== undefined) throw this.#failure;
    const answer = Promise.withResolvers<Uint8Array>();
    const question = (this.#lastId += 1);
    this.#questions.set(question, answer);
    this.#send({ type: 'digest', id, question });
    return Buffer.from(await answer.promise);
  }

  async #takeSlab(): Promise<ArrayBuffer> {
    if (this.#failure !== undefined) throw this.#failure;
    const slab = this.#free.pop();
    if (slab !== undefined) return slab;
    const turn = Promise.withResolvers<ArrayBuffer>();
    this.#waiting.push(turn);
    return turn.promise;
  }

  #send(message: ToHashThread, ...transfer: ArrayBuffer[]): void {
    this.#worker.postMessage(message, transfer);
    this.#keepAlive();
  }

  #receive(message: FromHashThread): void {
    if ('slab' in message) {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free.push(message.slab);
      else next.resolve(message.slab);
    } else {
      this.#questions.get(message.question)!.resolve(message.digest);
      this.#questions.delete(message.question);
    }
    this.#keepAlive();
  }

  /** The process may end when nothing is being hashed. */
  #keepAlive(): void {
    if (this.#questions.size > 0 || this.#free.length < SLABS) this.#worker.ref();
    else this.#worker.unref();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of [...this.#waiting, ...this.#questions.values()]) reject(error);
    this.#waiting.length = 0;
    this.#questions.clear();
  }
}
