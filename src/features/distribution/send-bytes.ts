import type { ServerResponse } from 'node:http';

import type { FastifyReply } from 'fastify';

import type { Platform } from '../../platform/index.ts';

/** Sends an answer whose body is too large to be held. Each chunk may be changed when the next is asked for. */
export async function sendBytes(
  { metrics }: Pick<Platform, 'metrics'>,
  reply: FastifyReply,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  // A stream would take new memory for each chunk, which costs as much as all the rest.
  reply.hijack();
  const { raw } = reply;
  try {
    raw.writeHead(reply.statusCode, reply.getHeaders() as Record<string, string | number>);
    for await (const chunk of chunks) {
      if (!(await write(raw, chunk))) return;
      metrics.bytesSent.inc(chunk.byteLength);
    }
    raw.end();
  } catch (error) {
    // The head is sent: that something is missing can only be told by an end too early.
    reply.log.error({ err: error }, 'answer not sent to its end');
    raw.destroy();
  }
}

/** Waits until the chunk's memory is free again. False: the client has gone away. */
function write(response: ServerResponse, chunk: Uint8Array): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  // What is written to a broken connection gets no answer.
  const giveUp = () => resolve(false);
  response.once('close', giveUp);
  response.write(chunk, (error) => {
    response.off('close', giveUp);
    resolve(error === null || error === undefined);
  });
  if (response.destroyed) giveUp();
  return promise;
}
