/** What an entry takes at least, so that very many tiny ones don't cost far more than their bytes. */
const LEAST_BYTES = 256;

/**
 * Keeps bytes that can't change, the latest ones, in one piece of memory that is never given back: what was a buffer
 * each would be garbage soon after, and its memory in pieces.
 */
export class ByteCache {
  readonly #ring: Buffer;
  /** In the order in which they stand in the ring, the oldest first. */
  readonly #entries = new Map<string, { start: number; end: number }>();
  #next = 0;

  constructor(maxBytes: number) {
    this.#ring = Buffer.allocUnsafeSlow(maxBytes);
  }

  /** A copy: the ring goes on. */
  get(key: string): Buffer | undefined {
    const entry = this.#entries.get(key);
    return entry && Buffer.from(this.#ring.subarray(entry.start, entry.end));
  }

  set(key: string, bytes: Uint8Array): void {
    const length = Math.max(bytes.byteLength, LEAST_BYTES);
    if (length > this.#ring.length / 16 || this.#entries.has(key)) return;
    if (this.#next + length > this.#ring.length) {
      this.#dropFrom(this.#next, this.#ring.length);
      this.#next = 0;
    }
    const start = this.#next;
    this.#next += length;
    this.#dropFrom(start, this.#next);
    this.#ring.set(bytes, start);
    this.#entries.set(key, { start, end: start + bytes.byteLength });
  }

  /** Forgets the oldest entries as far as they begin between these two places. */
  #dropFrom(start: number, end: number): void {
    for (const [key, entry] of this.#entries) {
      if (entry.start < start || entry.start >= end) return;
      this.#entries.delete(key);
    }
  }
}
