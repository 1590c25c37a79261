import { readProgramVersion } from '../../lib/program-version.ts';
import type { DatabaseAddress, Db } from '../../platform/db/connect.ts';
import type { BlobStorage } from '../../platform/storage/index.ts';
import { finishBackup, openFolder, removeUnfinished } from './backup-folder.ts';
import { copyBlobs } from './copy-blobs.ts';
import { dumpDatabase } from './dump-database.ts';
import { holdingCollection } from './hold.ts';
import type { Manifest } from './manifest.ts';
import type { Progress } from './progress.ts';
import { removeOld, sweepBlobs } from './prune.ts';
import { requireRestored } from './require-restored.ts';
import * as store from './store.ts';

export interface BackupOptions {
  address: DatabaseAddress;
  db: Db;
  storage: BlobStorage;
  /** Where the registry has its blobs. */
  store: 'folder' | 's3';
  /** The folder of backups. */
  dir: string;
  content: 'copied' | 'listed';
  /** How many whole backups stay; all if left out. */
  keep?: number | undefined;
  progress: Progress;
  signal: AbortSignal;
}

export interface MadeBackup {
  manifest: Omit<Manifest, 'format'>;
  /** Backups that were removed. */
  removed: string[];
}

/** Makes a backup while the registry runs. What it could not read of the store is named in its manifest. */
export async function makeBackup(options: BackupOptions): Promise<MadeBackup> {
  const { db, dir, keep, signal, progress } = options;
  await requireRestored(db);
  const registry = await store.findRegistryId(db);
  const { root, id, lock, hadLeftovers } = await openFolder(dir, registry);
  try {
    const manifest = await holdingCollection(db, `backup-${id.slice(0, 8)}`, () =>
      fill(root, registry, options),
    );
    await finishBackup(root, manifest);
    progress.say('removing what is not needed any more');
    const removed = keep === undefined ? [] : await removeOld(root, keep);
    if (removed.length > 0 || hadLeftovers) await sweepBlobs(root, signal);
    return { manifest, removed };
  } catch (error) {
    // What can't be removed now the next run removes.
    await removeUnfinished(root).catch(() => {});
    throw error;
  } finally {
    progress.end();
    lock.release();
  }
}

async function fill(
  root: string,
  registry: string | undefined,
  options: BackupOptions,
): Promise<MadeBackup['manifest']> {
  const begun = performance.now();
  const dump = await dumpDatabase({ ...options, root });
  const { folder: _, blobs, ...rest } = dump;
  const copied =
    options.content === 'copied'
      ? await copyBlobs(dump, { ...options, root })
      : { new_count: 0, new_bytes: 0, missing: [] };
  return {
    ...rest,
    ...(registry === undefined ? {} : { registry }),
    program: readProgramVersion(),
    took_seconds: Math.round((performance.now() - begun) / 100) / 10,
    blobs: { ...blobs, content: options.content, store: options.store, ...copied },
  };
}
