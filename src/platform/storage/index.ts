import { join } from 'node:path';

import type { Config } from '../config/index.ts';
import type { BlobStorage } from './adapter.ts';
import { openFolderStorage } from './folder/folder-storage.ts';

export { BEGINNING, SHARDS } from './adapter.ts';
export { readAll } from './read-all.ts';
export type { BlobStorage, BlobWriter, Checkpoint, FinishedBytes, StoredBytes } from './adapter.ts';

/** The blob store of this registry: a bucket, if there is one in the configuration, or a folder in the data folder. */
export async function openStorage({ data, s3, storage }: Config): Promise<BlobStorage> {
  if (s3.bucket === undefined) return openFolderStorage(join(data, 'blobs'), storage.reserve_bytes);
  // Read only where it is needed: the SDK takes 40 MB of each process.
  const { openS3Storage } = await import('./s3/s3-storage.ts');
  return openS3Storage(s3);
}
