import { stat } from 'node:fs/promises';
import { join } from 'node:path';

import type { Config } from '../config/index.ts';
import { findSpace, Room, type Space } from './room.ts';

export { diskState, type DiskState } from './disk-state.ts';
export { Room } from './room.ts';

export type Content = 'blobs' | 'database';

/** A file system of this machine, by what is on it. */
export interface Disk extends Space {
  holds: Content[];
}

/** The file systems that this node writes to: none, with a bucket and an external database. */
export class Disks {
  readonly #folders: [Content, string][];
  readonly #rooms: Room[];

  constructor({ data, s3, database_url, storage }: Config) {
    this.#folders = [];
    if (s3.bucket === undefined) this.#folders.push(['blobs', join(data, 'blobs')]);
    if (database_url === undefined) this.#folders.push(['database', join(data, 'postgres')]);
    this.#rooms = this.#folders.map(([, folder]) => new Room(folder, storage.reserve_bytes));
  }

  /** Refuses when so many bytes more would not leave the reserve on each of them. */
  async requireRoom(sizeBytes: number): Promise<void> {
    for (const room of this.#rooms) await room.require(sizeBytes);
  }

  async list(): Promise<Disk[]> {
    const disks = new Map<number, Disk>();
    for (const [content, folder] of this.#folders) {
      const space = await findSpace(folder);
      if (space === undefined) continue;
      const { dev } = await stat(folder);
      const holds = [...(disks.get(dev)?.holds ?? []), content];
      disks.set(dev, { ...space, holds });
    }
    return [...disks.values()];
  }
}
