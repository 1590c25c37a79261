import { readProgramVersion } from '../../lib/program-version.ts';
import type { Config } from '../../platform/config/index.ts';
import type { DatabaseAddress, Db } from '../../platform/db/connect.ts';
import { isUndefinedTable } from '../../platform/db/errors.ts';
import { listMigrations } from '../../platform/db/migrate.ts';
import { emit } from '../../platform/events/index.ts';
import type { BlobStorage } from '../../platform/storage/index.ts';
import { requireOwnStore } from '../fsck/index.ts';
import { finishBackup, openFolder, removeUnfinished } from './backup-folder.ts';
import { copyBlobs } from './copy-blobs.ts';
import { dumpDatabase } from './dump-database.ts';
import { holdingCollection } from './hold.ts';
import { storeOf, type Manifest } from './manifest.ts';
import type { Progress } from './progress.ts';
import { removeOld, sweepBlobs } from './prune.ts';
import { requireRestored } from './require-restored.ts';
import { ACTOR } from './actor.ts';
import * as store from './store.ts';

export interface BackupOptions {
  address: DatabaseAddress;
  db: Db;
  storage: BlobStorage;
  config: Pick<Config, 'data' | 's3'>;
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
  if (options.content === 'copied') await requireOwnStore(options).catch(ignoreOld);
  const registry = await store.findRegistryId(db);
  const { root, id, lock, hadLeftovers } = await openFolder(dir, registry);
  try {
    const manifest = await holdingCollection(db, `backup-${id.slice(0, 8)}`, () =>
      fill(root, registry, options),
    );
    await finishBackup(root, manifest);
    await tell(db, manifest);
    progress.say('removing what is not needed any more');
    const removed = keep === undefined ? [] : await removeOld(root, keep);
    if (removed.length > 0 || hadLeftovers) await sweepBlobs(root, signal);
    return { manifest, removed };
  } catch (error) {
    // What can't be removed now the next run removes.
    await removeUnfinished(root).catch(() => {});
    throw explain(error, root);
  } finally {
    progress.end();
    lock.release();
  }
}

function explain(error: unknown, root: string): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  return new Error(
    `the disk of ${root} is full: make room, or choose another one. Backups that were finished are whole; blobs that came stay for the next run`,
    { cause: error },
  );
}

/** A database of an older version has no table for it. */
function ignoreOld(error: unknown): void {
  if (!isUndefinedTable(error)) throw error;
}

/** In the audit log of a database that is of this version. */
async function tell(db: Db, { name, migrations, blobs }: MadeBackup['manifest']): Promise<void> {
  if (migrations.length < listMigrations().length) return;
  const { content, count, new_count, missing } = blobs;
  await emit(db, {
    type: 'backup.made',
    subject: { backup: name },
    after: { content, blobs: count, new_blobs: new_count, missing_blobs: missing.length },
    ...ACTOR,
  });
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
    blobs: { ...blobs, content: options.content, store: storeOf(options.config), ...copied },
  };
}
