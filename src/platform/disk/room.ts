import { statfs } from 'node:fs/promises';

import { Refusal } from '../../lib/errors.ts';
import { formatBytes } from '../../lib/format-bytes.ts';

/** How long what the file system said is believed; what is written meanwhile is counted. */
const FRESH_MS = 100;

export interface Space {
  freeBytes: number;
  totalBytes: number;
}

/** Of the file system of a folder. Undefined: there is no such folder yet. */
export async function findSpace(folder: string): Promise<Space | undefined> {
  try {
    const { bavail, blocks, bsize } = await statfs(folder);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cause;
  }
}

/** What may be written to the file system of a folder, so that a reserve is left. */
export class Room {
  readonly #folder: string;
  readonly #reserveBytes: number;
  #freeBytes = 0;
  #askedAt = -Infinity;
  #asking: Promise<void> | undefined;

  constructor(folder: string, reserveBytes: number) {
    this.#folder = folder;
    this.#reserveBytes = reserveBytes;
  }

  /** Refuses when so many bytes would not leave the reserve. */
  async require(sizeBytes: number): Promise<void> {
    if (this.#reserveBytes === 0) return;
    if (performance.now() - this.#askedAt > FRESH_MS) await (this.#asking ??= this.#ask());
    if (this.#freeBytes - sizeBytes < this.#reserveBytes) throw noRoom(this.#reserveBytes);
  }

  /** The same for bytes that are about to be written. */
  async spend(sizeBytes: number): Promise<void> {
    await this.require(sizeBytes);
    this.#freeBytes -= sizeBytes;
  }

  async #ask(): Promise<void> {
    try {
      this.#freeBytes = (await findSpace(this.#folder))?.freeBytes ?? Infinity;
      this.#askedAt = performance.now();
    } finally {
      this.#asking = undefined;
    }
  }
}

function noRoom(reserveBytes: number): Refusal {
  return new Refusal(
    'UNAVAILABLE',
    `the disk of this registry is nearly full, less than ${formatBytes(reserveBytes)} (storage.reserve_bytes) would be left; tell its administrator`,
    { status: 507 },
  );
}
