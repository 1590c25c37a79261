import { join } from 'node:path';

import type { BlobStorage } from './adapter.ts';
import { openFolderStorage } from './folder/folder-storage.ts';

export { readAll } from './read-all.ts';
export type { BlobStorage, BlobWriter, Checkpoint, FinishedBytes } from './adapter.ts';

/** The blob store of this registry: a folder in the data folder. */
export function openStorage(config: { data: string }): BlobStorage {
  return openFolderStorage(join(config.data, 'blobs'));
}
