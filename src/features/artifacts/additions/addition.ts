import { Readable } from 'node:stream';

import { Refusal } from '../../../lib/errors.ts';
import { TarError } from '../../../lib/tar.ts';
import type { Digest } from '../../../oci/digest.ts';
import type { Descriptor, Manifest } from '../../../oci/manifest.ts';
import { readAll, type BlobStorage } from '../../../platform/storage/index.ts';

/** What can be asked for of an artifact besides: its history, the read-me of a chart. */
export interface Addition {
  contentType: string;
  content: Buffer;
}

/** What an addition is made from. */
export interface Source {
  manifest: Manifest;
  /** Where the bytes of a blob of this artifact are; undefined when they are not there. */
  findBlob(digest: Digest): Promise<{ location: string; size_bytes: number } | undefined>;
  storage: BlobStorage;
}

export const JSON_TYPE = 'application/json; charset=utf-8';
export const TEXT_TYPE = 'text/plain; charset=utf-8';
export const MARKDOWN_TYPE = 'text/markdown; charset=utf-8';

export const toJson = (value: unknown): Addition => ({
  contentType: JSON_TYPE,
  content: Buffer.from(JSON.stringify(value)),
});

/** All bytes of a blob, of which there must be at most `maxBytes`. */
export async function readBlob(
  { storage, findBlob }: Source,
  { digest }: Descriptor,
  maxBytes: number,
): Promise<Buffer> {
  const { location } = await getBlob(findBlob, digest, maxBytes);
  return storage.readWhole(location);
}

/** The same, chunk by chunk. */
export async function openBlob(
  { storage, findBlob }: Source,
  { digest }: Descriptor,
  maxBytes: number,
): Promise<AsyncIterable<Uint8Array>> {
  const { location, size_bytes } = await getBlob(findBlob, digest, maxBytes);
  if (size_bytes === 0) return Readable.from([]);
  return readAll(await storage.openReader(location, { start: 0, end: size_bytes - 1 }));
}

async function getBlob(findBlob: Source['findBlob'], digest: Digest, maxBytes: number) {
  const blob = await findBlob(digest);
  if (blob === undefined) {
    throw new Refusal('NOT_FOUND', `not found: the blob ${digest} is not in this repository`);
  }
  if (blob.size_bytes > maxBytes) throw tooLarge(`the blob ${digest}`);
  return blob;
}

function tooLarge(what: string, cause?: unknown): Refusal {
  const message = `${what} is too large to be looked into; pull the artifact instead`;
  return new Refusal('REQUEST_ENTITY_TOO_LARGE', message, { cause });
}

/** What somebody pushed is not what it says. */
export function notUnpacked(what: string, cause: unknown): Refusal {
  return new Refusal('BAD_REQUEST', `bad request: ${what} can't be unpacked`, { cause });
}

/** The answer to an archive that can't be read; any other error as it is. */
export function explainTar(what: string, cause: unknown): unknown {
  if (!(cause instanceof TarError)) return cause;
  return cause.isTooLarge ? tooLarge(what, cause) : notUnpacked(what, cause);
}
