import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import {
  access,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rm,
  type FileHandle,
} from 'node:fs/promises';
import { join } from 'node:path';

import { Room } from '../../disk/index.ts';
import {
  BEGINNING,
  SHARDS,
  type BlobReader,
  type BlobStorage,
  type BlobWriter,
  type ByteRange,
  type Checkpoint,
  type StoredBytes,
} from '../adapter.ts';
import { readAll } from '../read-all.ts';
import { FolderReader } from './folder-reader.ts';
import { FolderWriter, syncFolder } from './folder-writer.ts';
import { explain } from './full-disk.ts';
import { findFile, listFiles, LOCATION } from './list-files.ts';
import { WholeFiles } from './whole-files.ts';

/** On another file system, too many links, or not allowed or known there. */
const CANNOT_LINK = ['EXDEV', 'EMLINK', 'EPERM', 'EACCES', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

/** Blobs as files: `<root>/<2 hex digits>/<uuid>`, 256 shard folders made at start. So much is left free. */
export function openFolderStorage(root: string, reserveBytes: number): BlobStorage {
  return new FolderStorage(root, new Room(root, reserveBytes));
}

class FolderStorage implements BlobStorage {
  readonly #root: string;
  readonly #room: Room;
  readonly #wholeFiles = new WholeFiles();

  constructor(root: string, room: Room) {
    this.#root = root;
    this.#room = room;
  }

  async prepare(): Promise<void> {
    await mkdir(this.#root, { recursive: true, mode: 0o700 });
    const there = new Set(await readdir(this.#root));
    const missing = SHARDS.filter((shard) => !there.has(shard));
    // Recursive, so that one which another process makes meanwhile is no error.
    for (const shard of missing) {
      await mkdir(join(this.#root, shard), { recursive: true, mode: 0o700 });
    }
    if (missing.length > 0) await syncFolder(this.#root);
  }

  async isHealthy(): Promise<boolean> {
    return access(join(this.#root, '00'), constants.W_OK).then(
      () => true,
      () => false,
    );
  }

  newLocation(): string {
    const uuid = randomUUID();
    return `${uuid.slice(0, 2)}/${uuid}`;
  }

  async openWriter(location: string, { sizeBytes: offsetBytes }: Checkpoint): Promise<BlobWriter> {
    const path = this.#path(location);
    const isNew = offsetBytes === 0;
    const handle = await open(path, isNew ? 'w' : 'r+', 0o600).catch(explain);
    const size = isNew ? 0 : await requireBytes(handle, location, offsetBytes);
    const isCut = size > offsetBytes;
    if (isCut) await handle.truncate(offsetBytes);
    const file = { handle, location, path, sizeBytes: offsetBytes, isNew, isCut };
    return new FolderWriter(file, this.#room);
  }

  async writeWhole(location: string, bytes: Uint8Array): Promise<void> {
    const path = this.#path(location);
    await this.#room.spend(bytes.byteLength);
    try {
      await this.#wholeFiles.write(path, bytes);
    } catch (cause) {
      await rm(path, { force: true });
      throw cause;
    }
  }

  async copyPrefix(from: string, to: string, sizeBytes: number): Promise<void> {
    const writer = await this.openWriter(to, BEGINNING);
    try {
      const source = await this.openReader(from, { start: 0, end: sizeBytes - 1 });
      // The writer keeps what it is given, so it gets memory of its own.
      for await (const chunk of readAll(source)) await writer.write(Buffer.from(chunk));
      await writer.sync();
    } finally {
      await writer.close();
    }
  }

  async openReader(location: string, range: ByteRange): Promise<BlobReader> {
    const handle = await open(this.#path(location), 'r');
    await requireBytes(handle, location, range.end + 1);
    return new FolderReader(handle, range);
  }

  async findSize(location: string): Promise<number | undefined> {
    return (await findFile(this.#path(location)))?.size;
  }

  async readWhole(location: string): Promise<Buffer> {
    return readFile(this.#path(location));
  }

  async linkTo(location: string, path: string): Promise<boolean> {
    try {
      await link(this.#path(location), path);
      return true;
    } catch (cause) {
      if (CANNOT_LINK.includes((cause as NodeJS.ErrnoException).code ?? '')) return false;
      throw cause;
    }
  }

  async remove(location: string): Promise<void> {
    await rm(this.#path(location), { force: true });
  }

  list(shard: string): AsyncIterable<StoredBytes> {
    return listFiles(join(this.#root, shard), shard);
  }

  async holds(location: string, { sizeBytes }: Checkpoint): Promise<boolean> {
    if (sizeBytes === 0) return true;
    const found = await findFile(this.#path(location));
    return found !== undefined && found.isFile() && found.size >= sizeBytes;
  }

  #path(location: string): string {
    if (!LOCATION.test(location)) {
      throw new Error(`not a location of the folder store: ${location}`);
    }
    return join(this.#root, location);
  }
}

/** The size of the file. Throws and closes it when it is smaller than what was written there. */
async function requireBytes(
  handle: FileHandle,
  location: string,
  sizeBytes: number,
): Promise<number> {
  try {
    const { size } = await handle.stat();
    if (size >= sizeBytes) return size;
    throw new Error(`${location} holds ${size} bytes where ${sizeBytes} were written`);
  } catch (cause) {
    await handle.close();
    throw cause;
  }
}
