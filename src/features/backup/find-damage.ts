import { join } from 'node:path';

import { describeError } from '../../lib/describe-error.ts';
import { blobPath, findFileSize, readBlobFile } from './blob-folder.ts';
import { readBlobList, type ListedBlob } from './blob-list.ts';
import type { Manifest } from './manifest.ts';

/** A blob of a backup that can't be had from it. */
export interface DamagedBlob {
  digest: string;
  reason: string;
}

/** The blobs of a backup whose files are not there or have another size. */
export async function findAbsent(
  root: string,
  { name, blobs }: Manifest,
  signal: AbortSignal,
): Promise<DamagedBlob[]> {
  const absent: DamagedBlob[] = [];
  for await (const blob of readBlobList(join(root, name), blobs.list)) {
    signal.throwIfAborted();
    const reason = await whyAbsent(root, blob);
    if (reason !== undefined) absent.push({ digest: blob.digest, reason });
  }
  return absent;
}

async function whyAbsent(
  root: string,
  { digest, sizeBytes }: Pick<ListedBlob, 'digest' | 'sizeBytes'>,
): Promise<string | undefined> {
  const path = blobPath(root, digest);
  const size = await findFileSize(path);
  if (size === sizeBytes) return undefined;
  return size === undefined
    ? `${path} is not there`
    : `${path} has ${size} bytes, not ${sizeBytes}`;
}

/** Reads a blob of a backup again; undefined when it is as it was written. */
export async function findDamage(
  root: string,
  blob: ListedBlob,
  signal: AbortSignal,
): Promise<DamagedBlob | undefined> {
  const { digest } = blob;
  try {
    const reason = await whyAbsent(root, blob);
    if (reason !== undefined) return { digest, reason };
    for await (const chunk of readBlobFile(blobPath(root, digest), digest, signal)) void chunk;
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return { digest, reason: `${blobPath(root, digest)}: ${describeError(error)}` };
  }
}
