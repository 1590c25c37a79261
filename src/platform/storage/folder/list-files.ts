import type { Dirent, Stats } from 'node:fs';
import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import type { StoredBytes } from '../adapter.ts';

export const LOCATION = /^[0-9a-f]{2}\/[0-9a-f-]{36}$/;

/** On a network file system each file that is asked for is a round trip. */
const AT_ONCE = 32;

/** What is in a shard folder. */
export async function* listFiles(path: string, shard: string): AsyncGenerator<StoredBytes, void> {
  let batch: Dirent[] = [];
  for await (const entry of await opendir(path, { bufferSize: 1024 })) {
    batch.push(entry);
    if (batch.length < AT_ONCE) continue;
    yield* await describeAll(path, shard, batch);
    batch = [];
  }
  yield* await describeAll(path, shard, batch);
}

async function describeAll(path: string, shard: string, entries: Dirent[]): Promise<StoredBytes[]> {
  const files = await Promise.all(entries.map(({ name }) => describe(path, shard, name)));
  return files.filter((file) => file !== undefined);
}

async function describe(
  path: string,
  shard: string,
  name: string,
): Promise<StoredBytes | undefined> {
  const found = await findFile(join(path, name));
  if (found === undefined) return undefined;
  const location = `${shard}/${name}`;
  const isOurs = LOCATION.test(location) && found.isFile();
  return {
    location,
    writer: location,
    isFinished: true,
    sizeBytes: found.isFile() ? found.size : 0,
    changedAt: found.mtime,
    removal: isOurs ? location : undefined,
  };
}

/** Undefined: it is not there. */
export async function findFile(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
