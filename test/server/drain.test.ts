import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import http from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { beginRequest, send } from '../harness/wire.ts';
import { beginDownload, beginUpload, digestOf, pushBlob, verify } from './support/content.ts';
import {
  ADMIN_PASSWORD,
  findChildren,
  isAlive,
  killAll,
  listDescendants,
  onEnd,
  startServer,
  waitFor,
  type Server,
} from './support/program.ts';

const MEBIBYTE = 1024 * 1024;
const given = { ROADSTEAD_ADMIN_PASSWORD: ADMIN_PASSWORD };

async function isRefused({ port }: Server): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const isOpen = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return !isOpen;
}

function storedBytes({ data }: Server): number {
  const files = readdirSync(join(data, 'blobs'), { recursive: true, withFileTypes: true });
  return files
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

test('Ctrl-C lets running requests finish, takes no new ones, and stops PostgreSQL last', async (t) => {
  const server = await startServer(t, { env: { ...given, ROADSTEAD_WORKERS: '2' } });
  const blob = await pushBlob(server.url, 32 * MEBIBYTE);
  const agent = new http.Agent({ keepAlive: true });
  onEnd(t, () => agent.destroy());
  const [idle] = await once(http.get(`${server.url}/api/v2.0/ping`, { agent }), 'response');
  idle.resume();
  const download = await beginDownload(server.url, blob);
  const upload = await beginUpload(server.url, MEBIBYTE);
  const [postmaster] = findChildren(server.pid, 'postgres');
  await waitFor(() => postmaster !== undefined);

  server.signalGroup('SIGINT');

  await waitFor(() => isRefused(server));
  await sleep(500);
  assert.ok(server.isRunning() && isAlive(postmaster!));
  assert.equal(await upload.finish(), 201);
  assert.ok(server.isRunning(), 'the download is still there');
  assert.equal(await download.finish(), blob);
  const begin = performance.now();
  assert.deepEqual(await server.ended, { code: 0, signal: null });
  assert.ok(performance.now() - begin < 20_000);
  assert.ok(!isAlive(postmaster!));
  assert.doesNotMatch(server.output(), /broken off|"level":"error"/);
  const again = await startServer(t, { data: server.data });
  await verify(again.url, 'blobs', upload.digest);
});

test('for shutdown_delay_ms it is unhealthy, takes requests still, and gives no connection a second one', async (t) => {
  const env = { ...given, ROADSTEAD_SHUTDOWN_DELAY_MS: '600000' };
  const server = await startServer(t, { env });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  onEnd(t, () => agent.destroy());
  const ask = async (path: string) => {
    const [reply] = (await once(http.get(server.url + path, { agent }), 'response')) as [
      http.IncomingMessage,
    ];
    const body = await text(reply);
    return { status: reply.statusCode, connection: reply.headers.connection, body };
  };
  const before = await ask('/api/v2.0/health');

  server.signal('SIGTERM');
  await waitFor(async () => (await ask('/api/v2.0/health')).status === 503);
  const stopping = await ask('/api/v2.0/health');
  const ping = await ask('/api/v2.0/ping');
  const digest = await pushBlob(server.url, 1000);
  await verify(server.url, 'blobs', digest);

  assert.deepEqual([before.status, before.connection], [200, 'keep-alive']);
  assert.equal(stopping.connection, 'close');
  assert.match(stopping.body, /"this node is stopping"/);
  assert.deepEqual([ping.status, ping.connection], [200, 'close']);
  server.signal('SIGTERM');
  assert.equal((await server.ended).code, 0);
});

test('nobody waits for load balancers when the primary was killed: the next one wants the port', async (t) => {
  const env = { ...given, ROADSTEAD_SHUTDOWN_DELAY_MS: '600000' };
  const server = await startServer(t, { env });
  const all = listDescendants(server.pid);
  server.signal('SIGTERM');
  await waitFor(async () => (await fetch(`${server.url}/api/v2.0/health`)).status === 503);

  server.signal('SIGKILL');

  await waitFor(() => !all.some(isAlive));
});

test('an upload that is broken off goes on at once at the next start, from what had come', async (t) => {
  const env = { ...given, ROADSTEAD_SHUTDOWN_TIMEOUT_MS: '500' };
  const server = await startServer(t, { env });
  const bytes = randomBytes(3 * MEBIBYTE);
  const path = (await send(`${server.url}/v2/library/app/blobs/uploads/`, { method: 'POST' }))
    .headers.location!;
  const { request, reply } = beginRequest(server.url + path, { method: 'PATCH' });
  request.write(bytes.subarray(0, 2 * MEBIBYTE));
  await waitFor(() => storedBytes(server) > MEBIBYTE); // the mark of the store is some bytes, too

  server.signal('SIGTERM');
  await assert.rejects(reply);
  assert.equal((await server.ended).code, 0);
  const next = await startServer(t, { data: server.data });
  const offset = Number((await send(next.url + path)).headers.range?.slice('0-'.length)) + 1;
  const finished = await send(`${next.url}${path}?digest=${digestOf(bytes)}`, {
    method: 'PUT',
    headers: { 'content-range': `${offset}-${bytes.length - 1}` },
    body: bytes.subarray(offset),
  });

  assert.ok(offset > MEBIBYTE / 2 && offset <= 2 * MEBIBYTE, String(offset));
  assert.equal(finished.statusCode, 201, finished.body.toString());
});

test('what takes longer than shutdown_timeout_ms is broken off', async (t) => {
  const env = { ...given, ROADSTEAD_SHUTDOWN_TIMEOUT_MS: '800' };
  const server = await startServer(t, { env });
  const upload = await beginUpload(server.url, MEBIBYTE);
  const { promise: broken, resolve } = Promise.withResolvers<void>();
  upload.request.once('close', resolve);
  const begin = performance.now();

  server.signal('SIGTERM');
  const { code } = await server.ended;

  const tookMs = performance.now() - begin;
  assert.equal(code, 0);
  assert.ok(tookMs > 750 && tookMs < 20_000, `${tookMs} ms`);
  await broken;
  assert.match(server.stdout(), /"requests broken off"/);
});

test('a second signal ends the server at once, and PostgreSQL cleanly', async (t) => {
  const server = await startServer(t, { env: given });
  await beginUpload(server.url, MEBIBYTE);
  const all = listDescendants(server.pid);
  server.signalGroup('SIGINT');
  await waitFor(() => isRefused(server));
  assert.ok(server.isRunning());
  const begin = performance.now();

  server.signalGroup('SIGINT');

  assert.equal((await server.ended).code, 0);
  assert.ok(performance.now() - begin < 20_000);
  await waitFor(() => !all.some(isAlive));
  assert.ok(!existsSync(join(server.data, 'postgres', 'postmaster.pid')));
  assert.match(
    readFileSync(join(server.data, 'postgres.log'), 'utf8').trimEnd(),
    /database system is shut down$/,
  );
});

test('TERM to every process at once, as service managers send it, ends all of them', async (t) => {
  const server = await startServer(t, { env: { ...given, ROADSTEAD_WORKERS: '2' } });
  const all = [server.pid, ...listDescendants(server.pid)];

  killAll(all, 'SIGTERM');

  assert.equal((await server.ended).code, 0);
  await waitFor(() => !all.some(isAlive));
});
