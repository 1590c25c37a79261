import { open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

import type { BlobWriter } from '../adapter.ts';

/** Small chunks are gathered to this size before they go to the file. */
const FLUSH_BYTES = 1024 * 1024;
/** However small: a million chunks of one byte would cost far more memory than their bytes. */
const FLUSH_CHUNKS = 1024;

/** Makes new names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export class FolderWriter implements BlobWriter {
  readonly #handle: FileHandle;
  readonly #path: string;
  #position: number;
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  #flushing: Promise<void> = Promise.resolve();

  constructor(handle: FileHandle, path: string, position: number) {
    this.#handle = handle;
    this.#path = path;
    this.#position = position;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#gathered.push(chunk);
    this.#gatheredBytes += chunk.byteLength;
    if (this.#gatheredBytes < FLUSH_BYTES && this.#gathered.length < FLUSH_CHUNKS) return;
    // While one batch is being written the next is gathered; more than one waiting would only cost memory.
    await this.#flushing;
    this.#flushing = this.#flush();
    this.#flushing.catch(() => {}); // whoever awaits it next gets the error
  }

  async sync(): Promise<void> {
    await this.#flushing;
    await this.#flush();
    await this.#handle.datasync();
    await syncFolder(dirname(this.#path));
  }

  async close(): Promise<void> {
    await this.#flushing.catch(() => {});
    await this.#handle.close();
  }

  async #flush(): Promise<void> {
    let chunks = this.#gathered;
    let left = this.#gatheredBytes;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    while (left > 0) {
      const { bytesWritten } = await this.#handle.writev(chunks, this.#position);
      this.#position += bytesWritten;
      left -= bytesWritten;
      if (left > 0) chunks = dropBytes(chunks, bytesWritten);
    }
  }
}

/** What is left of `chunks` after a write that took only the first `count` bytes. */
function dropBytes(chunks: Uint8Array[], count: number): Uint8Array[] {
  let rest = count;
  const left: Uint8Array[] = [];
  for (const chunk of chunks) {
    const taken = Math.min(rest, chunk.byteLength);
    rest -= taken;
    if (taken < chunk.byteLength) left.push(chunk.subarray(taken));
  }
  return left;
}
