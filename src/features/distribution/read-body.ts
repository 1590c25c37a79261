import type { FastifyRequest } from 'fastify';

import { Refusal } from '../../lib/errors.ts';

const BROKEN = { manifest: 'MANIFEST_INVALID', blob: 'BLOB_UPLOAD_INVALID' } as const;

/** The whole body, if it is not larger than `maxBytes`; else 413. */
export async function readBody(
  { raw, headers }: FastifyRequest,
  maxBytes: number,
  what: keyof typeof BROKEN,
): Promise<Buffer> {
  const tooLarge = () =>
    new Refusal('REQUEST_ENTITY_TOO_LARGE', `a ${what} may have at most ${maxBytes} bytes`);
  if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // Not destroyed when we stop early, so that the rest can be taken off the connection.
    for await (const chunk of raw.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.byteLength;
      if (size > maxBytes) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (cause) {
    raw.resume(); // what is left of it, so that the connection can be used again
    if (cause instanceof Refusal) throw cause;
    throw new Refusal(BROKEN[what], 'the connection broke before the body was complete', {
      cause,
    });
  }
  return Buffer.concat(chunks, size);
}
