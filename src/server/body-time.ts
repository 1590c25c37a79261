import { constants, type Http2ServerRequest } from 'node:http2';

import type { FastifyReply, FastifyRequest } from 'fastify';

import { Refusal } from '../lib/errors.ts';

/** How long the rest of a body may take after its request was answered. */
const REST_MS = 10_000;

/** What is still to come of the body; infinite when nobody knows. */
export function restOfBody({ raw, headers }: FastifyRequest): number {
  if (raw.readableEnded) return 0;
  return Number(headers['content-length'] ?? (headers['transfer-encoding'] ? Infinity : 0));
}

/** A body that is no upload is small: whoever takes long to send it only holds the connection. */
export function limitBodyTime(request: FastifyRequest, reply: FastifyReply, ms: number): void {
  if (request.routeOptions.config.upload === true || restOfBody(request) === 0) return;
  whenLate(request, ms, () => {
    const { raw } = request;
    // Whoever reads the body hands this on to the error handler.
    if (reply.sent || raw.listenerCount('error') === 0) cut(request);
    else raw.emit('error', new Refusal('REQUEST_TIMEOUT', 'the body did not come in time'));
  });
}

/** For a request that was refused: without, an upload would go on into the void. */
export function limitRestTime(request: FastifyRequest): void {
  if (restOfBody(request) > 0) whenLate(request, REST_MS, () => cut(request));
}

/**
 * Closes the connection after the answer, but reads on until the body ends, or for that time: closing it with bytes
 * unread would reset it, and the client might lose the answer.
 */
export function closeWhenRead({ raw }: FastifyRequest): void {
  const { socket } = raw;
  const { destroySoon } = socket;
  // Node calls it when an answer with "Connection: close" is sent.
  socket.destroySoon = () => {
    socket.destroySoon = destroySoon;
    socket.end();
    if (raw.readableEnded) socket.destroySoon();
    else raw.once('end', () => socket.destroySoon());
  };
}

function whenLate({ raw }: FastifyRequest, ms: number, act: () => void): void {
  const timer = setTimeout(() => {
    if (!raw.readableEnded && !raw.destroyed) act();
  }, ms).unref();
  raw.once('close', () => clearTimeout(timer));
}

function cut({ raw }: FastifyRequest): void {
  if ('stream' in raw) {
    (raw as unknown as Http2ServerRequest).stream.close(constants.NGHTTP2_CANCEL);
  } else raw.destroy();
}
