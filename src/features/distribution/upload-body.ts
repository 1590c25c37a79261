import type { Readable } from 'node:stream';

import { Refusal } from '../../lib/errors.ts';
import type { BlobWriter } from '../../platform/storage/index.ts';
import type { LiveHash } from './live-hash.ts';

export interface BodyResult {
  receivedBytes: number;
  /** Why the body ended early; what was received until then is written. */
  failure?: unknown;
}

/** Writes and hashes a request body as it comes. A broken connection is a result, not an error. */
export async function receiveBody(
  body: Readable,
  writer: BlobWriter,
  live: LiveHash | undefined,
  { maxBytes, signal }: { maxBytes: number; signal: AbortSignal },
): Promise<BodyResult> {
  let receivedBytes = 0;
  const chunks = body[Symbol.asyncIterator]();
  for (;;) {
    let next: IteratorResult<Buffer>;
    try {
      next = await chunks.next();
    } catch (failure) {
      return { receivedBytes, failure };
    }
    if (next.done === true) return { receivedBytes };
    signal.throwIfAborted();
    const chunk = next.value;
    if (receivedBytes + chunk.byteLength > maxBytes) {
      throw new Refusal(
        'REQUEST_ENTITY_TOO_LARGE',
        'the blob is larger than limits.blob_bytes allows',
      );
    }
    const written = writer.write(chunk);
    live?.hash.update(chunk);
    await written;
    receivedBytes += chunk.byteLength;
    if (live !== undefined) live.offsetBytes += chunk.byteLength;
  }
}
