import { randomUUID } from 'node:crypto';

import type { FastifyReply } from 'fastify';

import { parseRange, type ByteRange } from '../../oci/http-range.ts';
import type { Platform } from '../../platform/index.ts';
import { readAll } from '../../platform/storage/index.ts';
import type { FoundBlob } from '../artifacts/index.ts';
import { Refusal } from '../../lib/errors.ts';
import { sendBytes } from './send-bytes.ts';

type SendDeps = Pick<Platform, 'storage' | 'metrics'>;

/** Sends a blob, or the parts that a Range header asks for (RFC 9110 §14). */
export async function sendBlob(
  deps: SendDeps,
  reply: FastifyReply,
  { location, sizeBytes }: FoundBlob,
  rangeHeader: string | undefined,
): Promise<void> {
  const answer = parseRange(rangeHeader, sizeBytes);
  if (answer.kind === 'unsatisfiable') {
    throw new Refusal('RANGE_INVALID', `the blob has ${sizeBytes} bytes`, {
      headers: { 'content-range': `bytes */${sizeBytes}` },
    });
  }
  if (answer.kind === 'whole') {
    // Opened first, so that bytes that are missing are an error before anything is promised.
    const reader = await deps.storage.openReader(location, { start: 0, end: sizeBytes - 1 });
    return sendBytes(deps, reply.header('content-length', sizeBytes), readAll(reader));
  }
  const [first, ...others] = answer.ranges;
  if (first !== undefined && others.length === 0) {
    const reader = await deps.storage.openReader(location, first);
    reply
      .code(206)
      .header('content-length', first.end - first.start + 1)
      .header('content-range', contentRange(first, sizeBytes));
    return sendBytes(deps, reply, readAll(reader));
  }
  return sendParts(deps, reply, { location, sizeBytes, ranges: answer.ranges });
}

const contentRange = ({ start, end }: ByteRange, sizeBytes: number) =>
  `bytes ${start}-${end}/${sizeBytes}`;

/** RFC 9110 §14.6: each part with a head of its own. */
function sendParts(
  deps: SendDeps,
  reply: FastifyReply,
  blob: { location: string; sizeBytes: number; ranges: ByteRange[] },
): Promise<void> {
  const boundary = randomUUID();
  const parts = blob.ranges.map((range) => ({
    range,
    head: `\r\n--${boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: ${contentRange(range, blob.sizeBytes)}\r\n\r\n`,
  }));
  const tail = `\r\n--${boundary}--\r\n`;
  const length = parts.reduce(
    (sum, { head, range }) => sum + head.length + range.end - range.start + 1,
    tail.length,
  );

  async function* body() {
    for (const { head, range } of parts) {
      yield Buffer.from(head);
      yield* readAll(await deps.storage.openReader(blob.location, range));
    }
    yield Buffer.from(tail);
  }
  reply
    .code(206)
    .header('content-length', length)
    .type(`multipart/byteranges; boundary=${boundary}`);
  return sendBytes(deps, reply, body());
}
