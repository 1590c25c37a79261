import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

import type { BlobReader, ByteRange } from '../adapter.ts';
import type { Bucket } from './bucket.ts';

/** A stream that breaks is opened again where it broke, so often without a byte in between. */
const ATTEMPTS = 5;
const FIRST_WAIT_MS = 100;

/** Streams a range of an object. Nothing is read ahead of the caller beyond what a connection holds. */
export class S3Reader implements BlobReader {
  readonly #bucket: Bucket;
  readonly #key: string;
  readonly #range: ByteRange;
  #position: number;
  #open: { body: Readable; chunks: AsyncIterator<Uint8Array> } | undefined;

  constructor(bucket: Bucket, key: string, range: ByteRange) {
    this.#bucket = bucket;
    this.#key = key;
    this.#range = range;
    this.#position = range.start;
  }

  /** Throws when there are not as many bytes. */
  async open(): Promise<void> {
    const { start, end } = { start: this.#position, end: this.#range.end };
    if (start > end) return;
    const { body, sizeBytes } = await this.#bucket.get(this.#key, { start, end });
    body.on('error', () => {}); // whoever reads next gets it; nobody may
    this.#open = { body, chunks: body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array> };
    if (sizeBytes === end - start + 1) return;
    await this.close();
    throw new Error(`${this.#key} has ${sizeBytes} bytes behind ${start}, not ${end - start + 1}`);
  }

  async next(): Promise<Uint8Array> {
    for (let attempt = 1; this.#position <= this.#range.end; attempt++) {
      try {
        if (this.#open === undefined) await this.open();
        const next = await this.#open!.chunks.next();
        if (next.done === true) throw new Error(`${this.#key} ended at ${this.#position}`);
        this.#position += next.value.byteLength;
        return next.value;
      } catch (error) {
        await this.close();
        if (attempt === ATTEMPTS) throw error;
        await sleep(FIRST_WAIT_MS * 2 ** attempt * Math.random());
      }
    }
    return Buffer.alloc(0);
  }

  async close(): Promise<void> {
    this.#open?.body.destroy();
    this.#open = undefined;
  }
}
