import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib';

import Type, { type Static } from 'typebox';

import { describeError } from '../../lib/describe-error.ts';

/** A file of a backup, compressed with zstd. The digest is over the bytes as they are on disk. */
export const StoredFile = Type.Object({
  path: Type.String(),
  bytes: Type.Integer({ minimum: 0 }),
  sha256: Type.String(),
});
export type StoredFile = Static<typeof StoredFile>;

/** What is in the backup is not what was written there. */
export class DamagedError extends Error {}

const READ_BYTES = 1024 * 1024;

/** Writes what `source` has to a new file, durably but for its name. */
export async function storeFile(
  folder: string,
  path: string,
  source: Readable,
  signal: AbortSignal,
): Promise<StoredFile> {
  const hash = createHash('sha256');
  let bytes = 0;
  await pipeline(
    source,
    createZstdCompress({ params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        bytes += chunk.byteLength;
        yield chunk;
      }
    },
    createWriteStream(join(folder, path), { flags: 'wx', mode: 0o600, flush: true }),
    { signal },
  );
  return { path, bytes, sha256: hash.digest('hex') };
}

/** What was put into it. */
export async function* openFile(
  folder: string,
  { path }: StoredFile,
): AsyncGenerator<Buffer, void> {
  const file = createReadStream(join(folder, path), { highWaterMark: READ_BYTES });
  const plain = createZstdDecompress();
  const reading = pipeline(file, plain);
  reading.catch(() => {}); // whoever reads gets it
  yield* plain as AsyncIterable<Buffer>;
  await reading;
}

/** Throws when the file is not as it was written. */
export async function verifyFile(
  folder: string,
  { path, sha256 }: StoredFile,
  signal: AbortSignal,
): Promise<void> {
  const file = join(folder, path);
  const hash = createHash('sha256');
  try {
    const chunks = createReadStream(file, { highWaterMark: READ_BYTES, signal });
    for await (const chunk of chunks) hash.update(chunk as Buffer);
  } catch (cause) {
    signal.throwIfAborted();
    throw new DamagedError(`${file} is damaged: ${describeError(cause)}`, { cause });
  }
  if (hash.digest('hex') !== sha256) {
    throw new DamagedError(`${file} is damaged: it has another digest than when it was written`);
  }
}
