import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { text } from 'node:stream/consumers';

import { startApp } from '../../test/harness.ts';

test('a refusal arrives although the client sends all of a large body before it reads', async (t) => {
  const { listen } = await startApp(t);
  const { hostname, port } = new URL(await listen());
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  const body = Buffer.alloc(50_000_000);
  const head = [
    'POST /v2/library/app/blobs/uploads/ HTTP/1.1',
    'host: localhost',
    'authorization: Bearer none',
    `content-length: ${body.length}`,
  ];

  const { promise: sent, resolve, reject } = Promise.withResolvers<void>();
  socket.on('error', reject);
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  socket.write(body, () => resolve());
  await sent;
  const answer = await text(socket);

  assert.match(answer, /^HTTP\/1\.1 401 /);
  assert.match(answer, /connection: close/i);
});
