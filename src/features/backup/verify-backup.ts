import { join } from 'node:path';

import { forEachAtOnce } from '../../lib/at-once.ts';
import { readBlobList } from './blob-list.ts';
import { findDamage, type DamagedBlob } from './find-damage.ts';
import { readManifest, type Manifest } from './manifest.ts';
import type { Progress } from './progress.ts';
import { verifyFile } from './stored-file.ts';

const AT_ONCE = 4;

/** Reads the manifest of a backup, and throws unless all files of the database are as they were written. */
export async function readVerified(folder: string, signal: AbortSignal): Promise<Manifest> {
  const manifest = await readManifest(folder);
  const files = [...manifest.tables.map(({ file }) => file), manifest.blobs.list];
  for (const file of files) await verifyFile(folder, file, signal);
  return manifest;
}

/** Reads all of a backup again. Answers what of its blobs can't be had from it. */
export async function verifyBackup(
  { root, name }: { root: string; name: string },
  { progress, signal }: { progress: Progress; signal: AbortSignal },
): Promise<{ manifest: Manifest; damaged: DamagedBlob[] }> {
  const folder = join(root, name);
  const manifest = await readVerified(folder, signal);
  const damaged: DamagedBlob[] = [];
  if (manifest.blobs.content === 'listed') return { manifest, damaged };
  progress.begin('verified', manifest.blobs);
  await forEachAtOnce(readBlobList(folder, manifest.blobs.list), AT_ONCE, async (blob) => {
    signal.throwIfAborted();
    const found = await findDamage(root, blob, signal);
    if (found !== undefined) damaged.push(found);
    progress.add({ count: 1, bytes: blob.sizeBytes });
  });
  progress.end();
  return { manifest, damaged };
}
