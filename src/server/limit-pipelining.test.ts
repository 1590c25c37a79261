import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test, type TestContext } from 'node:test';

import { ADMIN_PASSWORD, startApp } from '../../test/harness.ts';
import { basic } from '../../test/harness/client.ts';
import { pushBlob } from '../../test/harness/registry.ts';

/** Sends `count` requests for a large blob at once. */
async function pipeline(t: TestContext, count: number) {
  const { as, listen } = await startApp(t);
  const digest = await pushBlob(as('admin'), 'library/app', Buffer.alloc(200_000));
  const { hostname, port } = new URL(await listen());
  const socket = connect({ host: hostname, port: Number(port) });
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  const request = [
    `GET /v2/library/app/blobs/${digest} HTTP/1.1`,
    'host: localhost',
    `authorization: ${basic('admin', ADMIN_PASSWORD)}`,
    '\r\n',
  ].join('\r\n');
  socket.write(request.repeat(count));
  return socket;
}

test('a few requests ahead of their answers are answered in order', async (t) => {
  const socket = await pipeline(t, 8);
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));

  while ((text.match(/HTTP\/1\.1 200/g)?.length ?? 0) < 8) await once(socket, 'data');

  assert.equal(text.match(/HTTP\/1\.1 /g)?.length, 8);
});

test('a connection that sends hundreds of requests ahead is ended', async (t) => {
  const socket = await pipeline(t, 300);
  socket.on('error', () => {}); // a reset

  socket.resume();
  await once(socket, 'close');

  assert.ok(socket.destroyed);
});
