import type { BlobReader } from './adapter.ts';

/** What a reader has, chunk by chunk; each is good until the next. Closes the reader. */
export async function* readAll(reader: BlobReader): AsyncGenerator<Uint8Array, void> {
  try {
    for (let chunk; (chunk = await reader.next()).byteLength > 0;) yield chunk;
  } finally {
    await reader.close();
  }
}
