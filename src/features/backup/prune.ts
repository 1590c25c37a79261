import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { listNames, removeBackup } from './backup-folder.ts';
import { blobRoot } from './blob-folder.ts';
import { readBlobList, type ListedBlob } from './blob-list.ts';
import { readManifest } from './manifest.ts';
import { DamagedError, verifyFile } from './stored-file.ts';

/** Removes the backups that are older than the `keep` newest whole ones. Answers their names. */
export async function removeOld(root: string, keep: number): Promise<string[]> {
  const old: string[] = [];
  let whole = 0;
  for (const name of await listNames(root)) {
    if (whole === keep) old.push(name);
    else if (await isWhole(join(root, name))) whole += 1;
  }
  for (const name of old.toReversed()) await removeBackup(root, name);
  return old;
}

async function isWhole(folder: string): Promise<boolean> {
  try {
    return (await readManifest(folder)).blobs.missing.length === 0;
  } catch (error) {
    if (error instanceof DamagedError) return false;
    throw error;
  }
}

/**
 * Removes content that no backup of the folder names. A backup that can't be read names who knows what. What is not
 * ours, such as the folders that a file server puts everywhere, is left alone.
 */
export async function sweepBlobs(root: string, signal: AbortSignal): Promise<number> {
  const lists = await openLists(root, signal);
  let removed = 0;
  for (const algorithm of await listFolders(blobRoot(root), /^sha\d+$/)) {
    for (const shard of await listFolders(join(blobRoot(root), algorithm), /^[\da-f]{2}$/)) {
      signal.throwIfAborted();
      const named = new Set<string>();
      for (const list of lists) await list.collect(`${algorithm}:${shard}`, named);
      const folder = join(blobRoot(root), algorithm, shard);
      for (const entry of await readdir(folder, { withFileTypes: true })) {
        if (named.has(`${algorithm}:${entry.name}`) || !entry.isFile()) continue;
        await rm(join(folder, entry.name));
        removed += 1;
      }
    }
  }
  return removed;
}

/** In the order of digests. */
async function listFolders(folder: string, name: RegExp): Promise<string[]> {
  if (!existsSync(folder)) return [];
  const names = (await readdir(folder)).filter((entry) => name.test(entry));
  return names.toSorted(compare);
}

const compare = (a: string, b: string) => (a < b ? -1 : 1);

async function openLists(root: string, signal: AbortSignal): Promise<SortedList[]> {
  const lists: SortedList[] = [];
  for (const name of await listNames(root)) {
    const folder = join(root, name);
    const { blobs } = await readManifest(folder);
    await verifyFile(folder, blobs.list, signal);
    if (blobs.content === 'copied') lists.push(new SortedList(readBlobList(folder, blobs.list)));
  }
  return lists;
}

/** The blobs of a backup, taken shard by shard, so that the memory holds one. */
class SortedList {
  readonly #blobs: AsyncGenerator<ListedBlob, void>;
  #next: ListedBlob | undefined;

  constructor(blobs: AsyncGenerator<ListedBlob, void>) {
    this.#blobs = blobs;
  }

  /** Adds the digests that begin with `prefix`; what comes before them is passed over. */
  async collect(prefix: string, into: Set<string>): Promise<void> {
    for (;;) {
      this.#next ??= (await this.#blobs.next()).value ?? undefined;
      if (this.#next === undefined) return;
      const { digest } = this.#next;
      if (digest.startsWith(prefix)) into.add(digest);
      else if (digest > prefix) return;
      this.#next = undefined;
    }
  }
}
