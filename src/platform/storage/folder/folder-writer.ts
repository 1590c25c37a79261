import { open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

import type { Room } from '../../disk/index.ts';
import type { BlobWriter, Checkpoint, FinishedBytes } from '../adapter.ts';
import { explain } from './full-disk.ts';

/** Small chunks are gathered to this size before they go to the file. */
const FLUSH_BYTES = 1024 * 1024;
/** However small: a million chunks of one byte would cost far more memory than their bytes. */
const FLUSH_CHUNKS = 1024;

/** The disk gets a large file in such parts while the rest of it comes, so that little is left at its end. */
const EARLY_SYNC_BYTES = 32 * 1024 * 1024;

/** Makes new names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A file that was opened to write to it. */
export interface OpenFile {
  handle: FileHandle;
  location: string;
  path: string;
  sizeBytes: number;
  /** Its entry in the folder may not be durable yet. */
  isNew: boolean;
  /** It was cut off: its size may not be durable yet. */
  isCut: boolean;
}

export class FolderWriter implements BlobWriter {
  readonly #handle: FileHandle;
  readonly #room: Room;
  readonly #location: string;
  readonly #path: string;
  #position: number;
  #synced: number;
  #isFileDurable: boolean;
  #isEntryDurable: boolean;
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  #flushing: Promise<void> = Promise.resolve();
  #unsyncedBytes = 0;
  #syncing: Promise<void> = Promise.resolve();

  constructor({ handle, location, path, sizeBytes, isNew, isCut }: OpenFile, room: Room) {
    this.#handle = handle;
    this.#room = room;
    this.#location = location;
    this.#path = path;
    this.#position = sizeBytes;
    this.#synced = sizeBytes;
    this.#isFileDurable = !isNew && !isCut;
    this.#isEntryDurable = !isNew;
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

  async sync(): Promise<Checkpoint> {
    await this.#flushing;
    await this.#flush();
    await this.#syncing; // the kernel tells of a failure only once, perhaps here
    if (!this.#isFileDurable) await this.#handle.datasync().catch(explain);
    this.#isFileDurable = true;
    if (!this.#isEntryDurable) await syncFolder(dirname(this.#path));
    this.#isEntryDurable = true;
    this.#synced = this.#position;
    return { sizeBytes: this.#position, state: null };
  }

  async finish(): Promise<FinishedBytes> {
    const { sizeBytes } = await this.sync();
    return { location: this.#location, sizeBytes, left: [], isCertain: true };
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#flushing, this.#syncing]);
    try {
      // Bytes of a write that failed would only keep a full disk full.
      if (this.#position > this.#synced) await this.#handle.truncate(this.#synced);
    } finally {
      await this.#handle.close();
    }
  }

  async #flush(): Promise<void> {
    let chunks = this.#gathered;
    let left = this.#gatheredBytes;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    if (left > 0) {
      await this.#room.spend(left);
      this.#isFileDurable = false;
    }
    while (left > 0) {
      const { bytesWritten } = await this.#handle.writev(chunks, this.#position).catch(explain);
      this.#position += bytesWritten;
      this.#unsyncedBytes += bytesWritten;
      left -= bytesWritten;
      if (left > 0) chunks = dropBytes(chunks, bytesWritten);
    }
    if (this.#unsyncedBytes < EARLY_SYNC_BYTES) return;
    await this.#syncing;
    this.#unsyncedBytes = 0;
    this.#syncing = this.#handle.datasync().catch(explain);
    this.#syncing.catch(() => {}); // whoever awaits it next gets the error
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
