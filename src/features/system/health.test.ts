import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { LightMyRequestResponse } from 'fastify';

import { startApp, type TestApp } from '../../../test/harness.ts';
import type { Content } from '../../platform/disk/index.ts';
import { watchDisks } from './jobs.ts';

const GIB = 1024 ** 3;
const BOTH: Content[] = ['blobs', 'database'];
const limits = { reserve_bytes: GIB, warn_free_bytes: 10 * GIB, warn_free_percent: 5 };

const find = (reply: LightMyRequestResponse, component: string) =>
  reply.json().components.find(({ name }: { name: string }) => name === component);

const start = (t: Parameters<typeof startApp>[0]) =>
  startApp(t, { config: (values) => Object.assign(values.storage, limits) });

/** What the disk of 100 GiB has left from now on. */
function leave({ platform }: TestApp, t: Parameters<typeof startApp>[0], freeBytes: number) {
  const disk = { holds: BOTH, freeBytes, totalBytes: 100 * GIB };
  return t.mock.method(platform.disks, 'list', async () => [disk]).mock;
}

const ROWS: [free: number, error: string][] = [
  [
    4 * GIB,
    'the disk of the blobs and the database has 4.0 GiB of 100.0 GiB left; make room for pushes',
  ],
  [
    GIB / 2,
    'the disk of the blobs and the database has 512.0 MiB of 100.0 GiB left; pushes are refused, make room',
  ],
];

for (const [free, error] of ROWS) {
  test(`with ${free / GIB} GiB left it is unhealthy, but the node stays in: pulls still work`, async (t) => {
    const app = await start(t);
    leave(app, t, free);

    const reply = await app.as('anonymous').get('/api/v2.0/health');

    assert.equal(reply.statusCode, 200);
    assert.equal(reply.json().status, 'unhealthy');
    assert.deepEqual(find(reply, 'storage'), {
      name: 'storage',
      status: 'unhealthy',
      error,
    });
  });
}

test('a disk with room, or none of our own, is healthy', async (t) => {
  const app = await start(t);
  leave(app, t, 5 * GIB);
  const room = await app.as('anonymous').get('/api/v2.0/health');
  const other = await start(t);
  t.mock.method(other.platform.disks, 'list', async () => []);
  const none = await other.as('anonymous').get('/api/v2.0/health');

  assert.deepEqual([room.json().status, none.json().status], ['healthy', 'healthy']);
});

test('the file system is not asked for each request', async (t) => {
  const app = await start(t);
  const asked = leave(app, t, 50 * GIB);

  for (let times = 0; times < 5; times++) await app.as('anonymous').get('/api/v2.0/health');

  assert.equal(asked.callCount(), 1);
});

test('a store that hangs is unhealthy, and health does not hang with it', async (t) => {
  const { as, platform } = await startApp(t);
  t.mock.method(platform.storage, 'isHealthy', () => new Promise(() => {}));

  const reply = await as('anonymous').get('/api/v2.0/health');

  assert.equal(reply.statusCode, 503);
  assert.equal(find(reply, 'registry').error, 'the blob store does not answer');
});

test('a registry whose jobs nobody does is unhealthy, but the node stays in', async (t) => {
  const { as, platform } = await startApp(t);
  const emitted = { type: 'tag.moved', subject: {}, actor: 'ann', client: '' };
  const occurred_at = new Date(Date.now() - 61_000);
  await platform.db
    .insertInto('event_outbox')
    .values({ ...emitted, occurred_at })
    .execute();

  const reply = await as('anonymous').get('/api/v2.0/health');

  assert.equal(reply.statusCode, 200);
  assert.equal(reply.json().status, 'unhealthy');
  assert.equal(find(reply, 'jobservice').status, 'unhealthy');
});

test('components have the names that clients of Harbor know, in order', async (t) => {
  const { as } = await startApp(t);

  const { components } = (await as('anonymous').get('/api/v2.0/health')).json();

  assert.deepEqual(
    components.map(({ name }: { name: string }) => name),
    ['core', 'database', 'jobservice', 'registry', 'storage'],
  );
});

test('the log tells once of each change, and the figures are there', async (t) => {
  const app = await start(t);
  const { platform } = app;
  const told: string[] = [];
  for (const level of ['info', 'warn', 'error'] as const) {
    t.mock.method(platform.log, level, (_fields: object, message: string) => {
      told.push(`${level}: ${message}`);
    });
  }
  const watch = watchDisks();

  for (const free of [50, 4, 4, 4.9, 5.2, 0.5, 0.9, 1.05, 4, 50, 50]) {
    leave(app, t, free * GIB);
    await watch.run(platform, new AbortController().signal);
  }

  assert.deepEqual(told, [
    'warn: disk nearly full',
    'error: disk full but for the reserve, pushes refused',
    'warn: disk nearly full',
    'info: disk has room again',
  ]);
  const figures = await platform.metrics.registry.metrics();
  assert.match(figures, /roadstead_storage_free_bytes\{content="database"\} 53687091200/);
  assert.match(figures, /roadstead_storage_total_bytes\{content="blobs"\} 107374182400/);
});
