import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { LightMyRequestResponse } from 'fastify';

import { startApp } from '../../../test/harness.ts';

const GIB = 1024 ** 3;
const space = (freeBytes: number) => ({ freeBytes, totalBytes: 100 * GIB });

const find = (reply: LightMyRequestResponse, component: string) =>
  reply.json().components.find(({ name }: { name: string }) => name === component);

test('a nearly full store is unhealthy, but the node stays in: pulls still work', async (t) => {
  const { as, platform } = await startApp(t);
  t.mock.method(platform.storage, 'findSpace', async () => space(GIB - 1));

  const reply = await as('anonymous').get('/api/v2.0/health');

  assert.equal(reply.statusCode, 200);
  assert.equal(reply.json().status, 'unhealthy');
  assert.deepEqual(find(reply, 'storage'), {
    name: 'storage',
    status: 'unhealthy',
    error: 'the blob store has less than 1 GiB left; make room for pushes',
  });
});

test('a store with room, or without a limit, is healthy', async (t) => {
  for (const free of [space(GIB), undefined]) {
    const { as, platform } = await startApp(t);
    t.mock.method(platform.storage, 'findSpace', async () => free);

    const reply = await as('anonymous').get('/api/v2.0/health');

    assert.equal(reply.json().status, 'healthy', JSON.stringify(free));
  }
});

test('the file system is not asked for each request', async (t) => {
  const { as, platform } = await startApp(t);
  const asked = t.mock.method(platform.storage, 'findSpace', async () => space(GIB));

  for (let times = 0; times < 5; times++) await as('anonymous').get('/api/v2.0/health');

  assert.equal(asked.mock.callCount(), 1);
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
