import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';

import { basic } from '../../test/harness/client.ts';
import { ADMIN_PASSWORD, startApp } from '../../test/harness.ts';

/** All that comes back until the connection ends, in whatever way. */
function readToEnd(socket: Socket): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString()));
  socket.on('error', () => {}); // what was sent after the end
  socket.on('close', () => resolve(text));
  return promise;
}

function open(origin: string, bytes: string): Socket {
  const { hostname, port } = new URL(origin);
  const socket = connect(Number(port), hostname);
  socket.write(bytes);
  return socket;
}

const END = 'Connection: close\r\n\r\n';
const ROWS: [what: string, request: string, status: number][] = [
  ['no HTTP', 'nonsense\r\n\r\n', 400],
  ['a bad header', `GET /v2/ HTTP/1.1\r\nHost: x\r\na b: c\r\n${END}`, 400],
  ['large headers', `GET /v2/ HTTP/1.1\r\nHost: x\r\na: ${'x'.repeat(70_000)}\r\n${END}`, 431],
  ['no Host', `GET /v2/ HTTP/1.1\r\n${END}`, 400],
  ['two Hosts', `GET /v2/ HTTP/1.1\r\nHost: x\r\nHost: y\r\n${END}`, 400],
  ['two equal Hosts', `GET /v2/ HTTP/1.1\r\nHost: x\r\nhost: x\r\n${END}`, 400],
  ['an expectation', `GET /v2/ HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\n${END}`, 417],
  ['one Host', `GET /v2/ HTTP/1.1\r\nHost: x\r\n${END}`, 401],
  ['no Host in HTTP/1.0', 'GET /v2/ HTTP/1.0\r\n\r\n', 401],
];

test('what is refused before a route is found has the body of all errors', async (t) => {
  const { listen } = await startApp(t);
  const origin = await listen();

  for (const [what, request, status] of ROWS) {
    const reply = await readToEnd(open(origin, request));

    assert.match(reply, new RegExp(`^HTTP/1\\.1 ${status} `), what);
    const body = /\{.*\}/s.exec(reply)?.[0] ?? '';
    assert.ok(JSON.parse(body).errors[0].message.length > 0, what);
  }
});

const DRIP_MS = 50;
const FORM = 'Content-Type: application/x-www-form-urlencoded';
const ADMIN = `Authorization: ${basic('admin', ADMIN_PASSWORD)}`;
const SLOW: [what: string, path: string, head: string, reply: RegExp][] = [
  ['a form', 'POST /service/token', FORM, /^HTTP\/1\.1 408 .*"REQUEST_TIMEOUT"/s],
  ['a body nobody reads', 'GET /api/v2.0/ping', '', /^HTTP\/1\.1 200 /],
  ['a manifest', 'PUT /v2/library/app/manifests/v1', ADMIN, /^HTTP\/1\.1 408 /],
  ['an unknown path', 'POST /nothing', '', /^HTTP\/1\.1 404 /],
];

test('a body that is no upload and drips is given up, and so is the connection', async (t) => {
  const { listen } = await startApp(t, { config: ({ limits }) => (limits.idle_body_ms = 1000) });
  const origin = await listen();

  await Promise.all(
    SLOW.map(async ([what, path, head, expected]) => {
      const lines = [`${path} HTTP/1.1`, 'Host: x', 'Content-Length: 10000', head];
      const socket = open(origin, `${lines.filter(Boolean).join('\r\n')}\r\n\r\n`);
      const drip = setInterval(() => socket.write('x'), DRIP_MS);
      const begin = performance.now();
      const reply = await readToEnd(socket);
      clearInterval(drip);

      assert.match(reply, expected, what);
      assert.ok(performance.now() - begin < 30_000, what);
    }),
  );
});

test('after a refusal the rest of an upload is not waited for', async (t) => {
  const { listen } = await startApp(t);
  const origin = await listen();
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const head = 'PATCH /v2/library/app/blobs/uploads/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9';

  const socket = open(origin, `${head}\r\n\r\nx`);
  const reply = readToEnd(socket);
  await once(socket, 'data');
  t.mock.timers.tick(10_000);

  assert.match(await reply, /^HTTP\/1\.1 401 /);
  t.mock.timers.reset(); // what stops the app has timers, too
});
