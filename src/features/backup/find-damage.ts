import { join } from 'node:path';

import { describeError } from '../../lib/describe-error.ts';
import { blobPath, eachAbsent, readBlobFile } from './blob-folder.ts';
import { readBlobList, type ListedBlob } from './blob-list.ts';
import type { Manifest } from './manifest.ts';

/** A blob of a backup that can't be had from it. */
export interface DamagedBlob {
  digest: string;
  reason: string;
}

/** The blobs of a backup that have no file. */
export async function findAbsent(
  root: string,
  { name, blobs }: Manifest,
  signal: AbortSignal,
): Promise<DamagedBlob[]> {
  const absent: DamagedBlob[] = [];
  for await (const { digest } of eachAbsent(root, readBlobList(join(root, name), blobs.list))) {
    signal.throwIfAborted();
    absent.push({ digest, reason: `${blobPath(root, digest)} is not there` });
  }
  return absent;
}

/** Reads a blob of a backup again; undefined when it is as it was written. */
export async function findDamage(
  root: string,
  blob: ListedBlob,
  signal: AbortSignal,
): Promise<DamagedBlob | undefined> {
  const { digest } = blob;
  const path = blobPath(root, digest);
  try {
    for await (const chunk of readBlobFile(path, blob, signal)) void chunk;
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return { digest, reason: `${path}: ${describeError(error)}` };
  }
}
