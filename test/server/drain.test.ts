import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { beginDownload, beginUpload, pushBlob, verify } from './support/content.ts';
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
  assert.ok(tookMs > 750 && tookMs < 6000, `${tookMs} ms`);
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
  assert.ok(performance.now() - begin < 5000);
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
