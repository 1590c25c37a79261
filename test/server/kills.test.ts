import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { randomOf } from '../fuzz/random.ts';
import { startTraffic, type Traffic } from '../traffic/index.ts';
import { pushBlob, verify } from './support/content.ts';
import { startVictim, type Kill, type Victim } from './support/killing.ts';
import {
  ADMIN_PASSWORD,
  authorization,
  findChildren,
  isAlive,
  killAll,
  listDescendants,
  onEnd,
  signIn,
  startServer,
  temporaryFolder,
  waitFor,
} from './support/program.ts';

/** More rounds find more: ROADSTEAD_TEST_ROUNDS=20. */
const ROUNDS = Number(process.env.ROADSTEAD_TEST_ROUNDS ?? 1);
const KILLS_OF_A_ROUND: readonly Kill[] = [
  ...Array.from({ length: 5 }, () => 'worker' as const),
  ...Array.from({ length: 2 }, () => 'jobs worker' as const),
  ...Array.from({ length: 4 }, () => 'postgres' as const),
  ...Array.from({ length: 3 }, () => 'process of postgres' as const),
  ...Array.from({ length: 3 }, () => 'primary' as const),
  ...Array.from({ length: 3 }, () => 'everything' as const),
];
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

test('kill -9 of the primary: its port is free though its workers wait for a slow disk', async (t) => {
  const slow = join(temporaryFolder(t), 'slow');
  execFileSync('mkfifo', [slow]); // opening it for reading lasts until somebody writes
  const code = `import { open } from 'node:fs';
    process.once('exit', () => open(${JSON.stringify(slow)}, () => {}));`;
  const node = ['--import', `data:text/javascript,${encodeURIComponent(code)}`];
  const server = await startServer(t, { env: two, node });
  const all = listDescendants(server.pid);
  onEnd(t, () => killAll(all));

  server.signal('SIGKILL');
  await server.ended;
  const env = { ROADSTEAD_PORT: String(server.port) };
  const next = await startServer(t, { data: server.data, env });

  assert.equal(next.url, server.url);
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
    assert.equal((await fetch(`${server.url}/metrics`)).status, 200, 'they wait for nobody');
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

test('kill -9 of any part in the middle of pushes, deletes and restores loses nothing that was acknowledged', async (t) => {
  const quiet = { ...two, ROADSTEAD_LOG_REQUESTS: 'none' };
  const victim = await startVictim(t, { env: quiet });
  const seed = Math.floor(Math.random() * 1e6);
  t.diagnostic(`seed ${seed}`);
  const traffic = startTraffic({
    url: victim.url,
    headers: authorization(ADMIN_PASSWORD),
    customers: 5,
    project: 'library',
    seed,
  });
  onEnd(t, () => traffic.stop());

  const random = randomOf(seed);
  const kills = Array.from({ length: ROUNDS }, () => random.shuffle(KILLS_OF_A_ROUND)).flat();
  for (const [index, kill] of kills.entries()) {
    await makeProgress(traffic, kills[index - 1] ?? 'the start', victim);
    await victim.kill(kill);
  }
  await makeProgress(traffic, kills.at(-1)!, victim);
  await traffic.stop();
  await waitFor(async () => (await fetch(`${victim.url}/api/v2.0/health`)).status === 200);
  await traffic.check();

  t.diagnostic(`${kills.length} kills, ${traffic.lost()} answers lost`);
  t.diagnostic(JSON.stringify(traffic.done()));
  assert.deepEqual(traffic.complaints(), []);
  assert.equal(await signIn(victim.url, ADMIN_PASSWORD), 200);
  const log = readFileSync(join(victim.server().data, 'postgres.log'), 'utf8');
  assert.ok(!log.includes('PANIC'));
});

/** Enough that every client is in the middle of something. */
async function makeProgress({ progress }: Traffic, after: string, victim: Victim): Promise<void> {
  const before = progress();
  await waitFor(
    () => progress() > before + 15,
    90_000,
    () => `${progress() - before} done after ${after}: ${victim.server().output().slice(-4000)}`,
  );
}
