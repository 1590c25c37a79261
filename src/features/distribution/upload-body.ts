import type { Readable } from 'node:stream';

import { Refusal } from '../../lib/errors.ts';
import type { BlobWriter } from '../../platform/storage/index.ts';
import type { LiveHash } from './live-hash.ts';

export interface BodyLimits {
  /** What may still be added to the blob. */
  maxBytes: number;
  /** What the client announced; undefined when it did not say. */
  expectedBytes: number | undefined;
  signal: AbortSignal;
}

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
  limits: BodyLimits,
): Promise<BodyResult> {
  let receivedBytes = 0;
  // Not destroyed when we stop early, so that the rest can be taken off the connection.
  const chunks = body.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer, undefined>;
  try {
    for (;;) {
      let next: IteratorResult<Buffer, undefined>;
      try {
        next = await chunks.next();
      } catch (failure) {
        return { receivedBytes, failure };
      }
      if (next.done === true) break;
      limits.signal.throwIfAborted();
      const chunk = next.value;
      requireRoom(receivedBytes + chunk.byteLength, limits);
      await Promise.all([writer.write(chunk), live?.hash.update(chunk)]);
      receivedBytes += chunk.byteLength;
      if (live !== undefined) live.offsetBytes += chunk.byteLength;
    }
  } finally {
    await chunks.return?.();
    body.resume(); // what is left of it, so that the connection can be used again
  }
  if (receivedBytes < (limits.expectedBytes ?? 0)) throw otherSize(limits);
  return { receivedBytes };
}

function requireRoom(bytes: number, limits: BodyLimits): void {
  if (bytes > limits.maxBytes) throw blobTooLarge();
  if (bytes > (limits.expectedBytes ?? Infinity)) throw otherSize(limits);
}

function otherSize({ expectedBytes }: BodyLimits): Refusal {
  return new Refusal(
    'SIZE_INVALID',
    `Content-Range tells of ${expectedBytes} bytes, the body has another size`,
  );
}

export function blobTooLarge(): Refusal {
  return new Refusal(
    'REQUEST_ENTITY_TOO_LARGE',
    'the blob is larger than limits.blob_bytes allows',
  );
}
