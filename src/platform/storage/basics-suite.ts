/** What the parts of the suite share. */
import { BEGINNING, type BlobStorage, type Checkpoint, type FinishedBytes } from './adapter.ts';

/** Opens the same store again each time: another process on the same bytes. */
export type OpenStorage = () => BlobStorage;

export type Check = (
  claim: string,
  run: (storage: BlobStorage, open: OpenStorage) => Promise<void>,
) => void;

export async function write(
  storage: BlobStorage,
  location: string,
  behind: Checkpoint,
  ...chunks: Buffer[]
): Promise<Checkpoint> {
  const writer = await storage.openWriter(location, behind);
  for (const chunk of chunks) await writer.write(chunk);
  const checkpoint = await writer.sync();
  await writer.close();
  return checkpoint;
}

export async function finish(
  storage: BlobStorage,
  location: string,
  behind: Checkpoint,
  ...chunks: Buffer[]
): Promise<FinishedBytes> {
  const writer = await storage.openWriter(location, behind);
  for (const chunk of chunks) await writer.write(chunk);
  const finished = await writer.finish();
  await writer.close();
  return finished;
}

/** Bytes at a new location. */
export const store = (storage: BlobStorage, ...chunks: Buffer[]) =>
  finish(storage, storage.newLocation(), BEGINNING, ...chunks);
