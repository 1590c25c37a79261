import type { FileHandle } from 'node:fs/promises';

import type { BlobReader, ByteRange } from '../adapter.ts';

/** Enough that the calls cost little beside the bytes. */
const CHUNK_BYTES = 512 * 1024;
/** With more downloads at once than this each has less: thousands of slow ones must not need gigabytes. */
const MANY = 32;
const CHUNK_OF_MANY_BYTES = 64 * 1024;

let open = 0;

/** Reads into one piece of memory again and again: new memory for each chunk costs more than the reading. */
export class FolderReader implements BlobReader {
  readonly #handle: FileHandle;
  readonly #end: number;
  readonly #buffer: Buffer;
  #position: number;

  constructor(handle: FileHandle, { start, end }: ByteRange) {
    this.#handle = handle;
    this.#position = start;
    this.#end = end + 1;
    open += 1;
    const chunkBytes = open > MANY ? CHUNK_OF_MANY_BYTES : CHUNK_BYTES;
    this.#buffer = Buffer.allocUnsafeSlow(Math.min(chunkBytes, this.#end - start));
  }

  async next(): Promise<Uint8Array> {
    const wanted = Math.min(this.#buffer.byteLength, this.#end - this.#position);
    if (wanted === 0) return this.#buffer.subarray(0, 0);
    const { bytesRead } = await this.#handle.read(this.#buffer, 0, wanted, this.#position);
    if (bytesRead === 0) throw new Error(`the file ends at ${this.#position}, not ${this.#end}`);
    this.#position += bytesRead;
    return this.#buffer.subarray(0, bytesRead);
  }

  async close(): Promise<void> {
    open -= 1;
    await this.#handle.close();
  }
}
