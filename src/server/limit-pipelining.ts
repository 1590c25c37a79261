import type { Socket } from 'node:net';

import type { FastifyInstance } from 'fastify';

/** More requests than any client sends ahead of the answers: each holds memory, perhaps an open file. */
const MAX_RUNNING = 16;

/** Ends a connection of HTTP/1.1 that sends request after request without waiting for answers. */
export function limitPipelining(app: FastifyInstance): void {
  const running = new WeakMap<Socket, number>();
  app.addHook('onRequest', (request, reply, done) => {
    const { socket, httpVersionMajor } = request.raw;
    if (httpVersionMajor !== 1) return done();
    const count = (running.get(socket) ?? 0) + 1;
    running.set(socket, count);
    reply.raw.once('close', () => running.set(socket, running.get(socket)! - 1));
    if (count <= MAX_RUNNING) return done();
    request.log.warn('connection with too many requests at once ended');
    reply.hijack();
    socket.destroy();
  });
}
