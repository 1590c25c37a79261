const FIRST_BYTES = 64 * 1024;

/**
 * Bytes that come in chunks of any size, in one piece of memory that grows with them. Large pieces are used again:
 * left to the garbage collector they would pile up.
 */
export class ByteGatherer {
  #memory: Buffer = Buffer.alloc(0);
  #length = 0;
  readonly #spare: Buffer[] = [];

  get length(): number {
    return this.#length;
  }

  /** Adds what fits up to `limit` bytes altogether; answers the rest. */
  add(chunk: Uint8Array, limit: number): Uint8Array {
    const taken = chunk.subarray(0, limit - this.#length);
    const needed = this.#length + taken.byteLength;
    if (needed > this.#memory.byteLength) this.#grow(Math.max(needed, FIRST_BYTES), limit);
    this.#memory.set(taken, this.#length);
    this.#length = needed;
    return chunk.subarray(taken.byteLength);
  }

  /** Good until more is added. */
  peek(): Buffer {
    return this.#memory.subarray(0, this.#length);
  }

  /** The bytes, which are no longer here. Their memory can be given back. */
  take(): Buffer {
    const bytes = this.peek();
    this.#memory = Buffer.alloc(0);
    this.#length = 0;
    return bytes;
  }

  giveBack(bytes: Buffer): void {
    this.#spare.push(bytes);
  }

  #grow(needed: number, limit: number): void {
    const spare = this.#spare.pop();
    const larger =
      spare !== undefined && spare.byteLength >= needed
        ? spare
        : Buffer.allocUnsafeSlow(Math.min(limit, Math.max(needed, 2 * this.#memory.byteLength)));
    larger.set(this.peek());
    this.#memory = larger;
  }
}
