import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { pushBlob, pushImage, verify } from './support/content.ts';
import {
  ADMIN_PASSWORD,
  authorization,
  findChildren,
  isAlive,
  killAll,
  listDescendants,
  signIn,
  startServer,
  waitFor,
  type Server,
} from './support/program.ts';

/** More rounds find more: ROADSTEAD_TEST_ROUNDS=20. */
const ROUNDS = Number(process.env.ROADSTEAD_TEST_ROUNDS ?? 2);
const two = { ROADSTEAD_ADMIN_PASSWORD: ADMIN_PASSWORD, ROADSTEAD_WORKERS: '2' };

test('kill -9 of the primary: its workers and PostgreSQL end, and the next start recovers', async (t) => {
  const server = await startServer(t, { env: two });
  const digest = await pushBlob(server.url, 1000);
  const all = listDescendants(server.pid);
  assert.ok(all.length > 3);

  server.signal('SIGKILL');
  await server.ended;

  await waitFor(() => !all.some(isAlive));
  const begin = performance.now();
  const port = String(server.port);
  const next = await startServer(t, { data: server.data, env: { ROADSTEAD_PORT: port } });
  t.diagnostic(`start after kill -9: ${Math.round(performance.now() - begin)} ms`);
  await verify(next.url, 'blobs', digest);
});

test('kill -9 of a worker: the others go on, and it is replaced', async (t) => {
  const server = await startServer(t, { env: two });
  const before = findChildren(server.pid, 'worker');
  assert.equal(before.length, 2);

  process.kill(before[0]!, 'SIGKILL');
  await waitFor(() => !isAlive(before[0]!));

  for (let i = 0; i < 20; i += 1) {
    const headers = { connection: 'close' };
    assert.equal((await fetch(`${server.url}/api/v2.0/ping`, { headers })).status, 200);
  }
  await waitFor(() => server.stdout().includes('worker ended, starting another'));
  while (server.stdout().match(/"listening"/g)!.length < 3) {
    const begin = performance.now();
    assert.equal((await fetch(`${server.url}/metrics`)).status, 200);
    assert.ok(performance.now() - begin < 2500, 'the figures wait for nobody');
  }
  const after = findChildren(server.pid, 'worker');
  assert.equal(after.length, 2);
  assert.ok(after.includes(before[1]!));
});

test('kill -9 of PostgreSQL: 503 with Retry-After at most, and it comes back by itself', async (t) => {
  const server = await startServer(t, { env: two });
  const [postmaster] = findChildren(server.pid, 'postgres');
  const seen = new Set<number>();
  const ask = async () => {
    const reply = await fetch(`${server.url}/v2/_catalog`, {
      headers: authorization(ADMIN_PASSWORD),
    });
    await reply.arrayBuffer();
    seen.add(reply.status);
    if (reply.status === 503) assert.match(reply.headers.get('retry-after') ?? '', /^\d+$/);
    return reply.status;
  };
  assert.equal(await ask(), 200);

  process.kill(postmaster!, 'SIGKILL');
  for (let i = 0; i < 50; i += 1) {
    await Promise.all([ask(), ask()]);
    await sleep(5);
  }

  await waitFor(async () => (await ask()) === 200);
  assert.ok(seen.isSubsetOf(new Set([200, 503])), [...seen].join(' '));
  await waitFor(() => findChildren(server.pid, 'postgres').length === 1);
  assert.equal((await fetch(`${server.url}/api/v2.0/health`)).status, 200);
});

test('TERM while PostgreSQL is being started again ends the server all the same', async (t) => {
  const server = await startServer(t);
  const [postmaster] = findChildren(server.pid, 'postgres');

  process.kill(postmaster!, 'SIGKILL');
  await waitFor(() => server.stdout().includes('postgres ended, starting it again'));
  server.signal('SIGTERM');

  assert.equal((await server.ended).code, 0);
  await waitFor(() => !existsSync(join(server.data, 'postgres', 'postmaster.pid')));
});

test('kill -9 of everything in the middle of pushes loses nothing that was acknowledged', async (t) => {
  let data: string | undefined;
  const blobs: string[] = [];
  const manifests: string[] = [];
  const pushUntilKilled = async (server: Server, name: string) => {
    for (let i = 0; server.isRunning(); i += 1) {
      const [config, layer, manifest] = await pushImage(server.url, `${name}-${i}`);
      blobs.push(config!, layer!);
      manifests.push(manifest!);
    }
  };

  for (let round = 0; round < ROUNDS; round += 1) {
    const server = await startServer(t, { env: two, ...(data === undefined ? {} : { data }) });
    data = server.data;
    const clients = [1, 2, 3, 4].map((client) =>
      pushUntilKilled(server, `round-${round}-${client}`).catch((error: unknown) => error),
    );
    await sleep(1000 + Math.random() * 500);
    killAll([server.pid, ...listDescendants(server.pid)]);
    await Promise.all([server.ended, ...clients]);
  }

  const last = await startServer(t, { data: data! });
  t.diagnostic(`${manifests.length} images acknowledged in ${ROUNDS} rounds`);
  assert.ok(manifests.length > ROUNDS);
  for (const digest of blobs) await verify(last.url, 'blobs', digest);
  for (const digest of manifests) await verify(last.url, 'manifests', digest);
  assert.equal(await signIn(last.url, ADMIN_PASSWORD), 200);
  assert.ok(!readFileSync(join(data!, 'postgres.log'), 'utf8').includes('PANIC'));
});
