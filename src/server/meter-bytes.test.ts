import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';

import type { FastifyReply, FastifyRequest } from 'fastify';

import { meterBytes } from './meter-bytes.ts';

const UP = 300_000;
const DOWN = 'ü'.repeat(100_000);

/** Answers with text and bytes, in pieces and at the end; answers the sum of what was counted. */
async function listen(
  t: TestContext,
  server: Server | http2.Http2Server,
): Promise<{ url: string; sum: () => number }> {
  let sum = 0;
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    meterBytes(
      { raw: request } as FastifyRequest,
      { raw: response } as FastifyReply,
      (bytes) => (sum += bytes),
    );
    request.resume().on('end', () => {
      response.write(DOWN);
      response.write(Buffer.alloc(1000));
      response.end('end');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sum: () => sum };
}

test('bodies are counted, in both directions', async (t) => {
  const { url, sum } = await listen(t, createServer());

  const reply = await fetch(url, { method: 'POST', body: Buffer.alloc(UP) });

  assert.equal((await reply.arrayBuffer()).byteLength, 201_003);
  assert.equal(sum(), UP + 201_003);
});

test('bodies of HTTP/2 are counted, each stream for itself', async (t) => {
  const { url, sum } = await listen(t, http2.createServer());
  const session = http2.connect(url);
  t.after(() => session.close());

  const bodies = [1, 2].map(async () => {
    const stream = session.request({ ':method': 'POST' });
    stream.end(Buffer.alloc(UP));
    return (await buffer(stream)).byteLength;
  });

  assert.deepEqual(await Promise.all(bodies), [201_003, 201_003]);
  assert.equal(sum(), 2 * (UP + 201_003));
});
