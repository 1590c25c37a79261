import * as fs from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

import { explain } from './full-disk.ts';

// Plain descriptors: a FileHandle costs several times as much, which counts for thousands of small files a second.
const open = promisify(fs.open);
const write = promisify(fs.write);
const datasync = promisify(fs.fdatasync);
const sync = promisify(fs.fsync);
const close = promisify(fs.close);

/** Writes small files whole. The folders they are in, 256 at most, are kept open to be synced. */
export class WholeFiles {
  readonly #folders = new Map<string, Promise<number>>();

  async write(path: string, bytes: Uint8Array): Promise<void> {
    const file = await open(path, 'wx', 0o600).catch(explain);
    try {
      const { bytesWritten } = await write(file, bytes, 0, bytes.byteLength, 0).catch(explain);
      if (bytesWritten < bytes.byteLength) throw new Error(`${path} was not written whole`);
      // Both at once: file systems with a journal make one commit of it.
      await Promise.all([datasync(file).catch(explain), this.#syncFolder(dirname(path))]);
    } finally {
      await close(file);
    }
  }

  async #syncFolder(path: string): Promise<void> {
    let folder = this.#folders.get(path);
    if (folder === undefined) {
      folder = open(path, 'r');
      this.#folders.set(path, folder);
      folder.catch(() => this.#folders.delete(path));
    }
    await sync(await folder).catch(explain);
  }
}
