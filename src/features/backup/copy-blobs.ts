import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

import { forEachAtOnce } from '../../lib/at-once.ts';
import { describeError } from '../../lib/describe-error.ts';
import { readAll, type BlobStorage } from '../../platform/storage/index.ts';
import { syncFolder } from './backup-folder.ts';
import {
  blobPath,
  blobRoot,
  eachAbsent,
  findFileSize,
  unreadable,
  UnreadableError,
  writeBlobFile,
} from './blob-folder.ts';
import { readBlobList, type ListedBlob } from './blob-list.ts';
import type { Dump } from './dump-database.ts';
import type { Manifest } from './manifest.ts';
import type { Progress } from './progress.ts';
import type { Amount } from './store.ts';

const AT_ONCE = 8;
/** With more that can't be read it is the store that is wrong, not they. */
const MOST_MISSING = 1000;

export interface CopyOptions {
  storage: BlobStorage;
  root: string;
  progress: Progress;
  signal: AbortSignal;
}

type Copied = Pick<Manifest['blobs'], 'new_count' | 'new_bytes' | 'missing'>;

/** Brings the bytes of all blobs of a backup that no backup before it brought. Those that can't be read are named. */
export async function copyBlobs(dump: Dump, options: CopyOptions): Promise<Copied> {
  const { root, progress, signal } = options;
  const wanted = await findWanted(dump, options);
  progress.begin('blobs', wanted);
  const copied: Copied = { new_count: 0, new_bytes: 0, missing: [] };
  const shards = new Set<string>();
  await forEachAtOnce(eachNew(dump, options), AT_ONCE, async (blob) => {
    const path = blobPath(root, blob.digest);
    const shard = dirname(path);
    if (!shards.has(shard)) await mkdir(shard, { recursive: true, mode: 0o700 });
    shards.add(shard);
    try {
      await copyBlob(options.storage, blob, path);
      copied.new_count += 1;
      copied.new_bytes += blob.sizeBytes;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof UnreadableError)) throw error;
      copied.missing.push({ digest: blob.digest, reason: describeError(error) });
      if (copied.missing.length > MOST_MISSING) {
        throw new Error(
          `more than ${MOST_MISSING} blobs cannot be read; is this the store of the registry? ${describeError(error)}`,
          { cause: error },
        );
      }
    }
    progress.add({ count: 1, bytes: blob.sizeBytes });
  });
  await syncShards(root, shards);
  return copied;
}

async function findWanted(dump: Dump, options: CopyOptions): Promise<Amount> {
  const wanted = { count: 0, bytes: 0 };
  options.progress.say('looking for new blobs');
  for await (const { sizeBytes } of eachNew(dump, options)) {
    wanted.count += 1;
    wanted.bytes += sizeBytes;
  }
  return wanted;
}

async function* eachNew(
  { folder, blobs }: Dump,
  { root, signal }: CopyOptions,
): AsyncGenerator<ListedBlob, void> {
  for await (const blob of eachAbsent(root, readBlobList(folder, blobs.list))) {
    signal.throwIfAborted();
    yield blob;
  }
}

/** A second name for the registry's own file where that can be, as nothing ever changes it; else a copy. */
async function copyBlob(storage: BlobStorage, blob: ListedBlob, path: string): Promise<void> {
  const isLinked = await storage.linkTo?.(blob.location, path).catch(unreadable);
  if (isLinked !== true) return writeBlobFile(path, blob.digest, readBlob(storage, blob));
  const size = await findFileSize(path);
  if (size === blob.sizeBytes) return;
  await rm(path);
  throw new UnreadableError(`it has ${size} bytes, not ${blob.sizeBytes}`);
}

async function* readBlob(storage: BlobStorage, { location, sizeBytes }: ListedBlob) {
  yield* readAll(await storage.openReader(location, { start: 0, end: sizeBytes - 1 }));
}

async function syncShards(root: string, shards: Set<string>): Promise<void> {
  for (const shard of shards) await syncFolder(shard);
  for (const folder of new Set([...shards].map(dirname))) await syncFolder(folder);
  if (shards.size > 0) {
    await syncFolder(blobRoot(root));
    await syncFolder(root);
  }
}
