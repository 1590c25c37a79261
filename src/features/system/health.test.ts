import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startApp } from '../../../test/harness.ts';

const GIB = 1024 ** 3;

test('a nearly full store is unhealthy, but the node stays in: pulls still work', async (t) => {
  const { as, platform } = await startApp(t);
  t.mock.method(platform.storage, 'findFreeBytes', async () => GIB - 1);

  const reply = await as('anonymous').get('/api/v2.0/health');

  assert.equal(reply.statusCode, 200);
  assert.equal(reply.json().status, 'unhealthy');
  assert.deepEqual(reply.json().components.at(-1), {
    name: 'storage',
    status: 'unhealthy',
    error: 'the blob store has less than 1 GiB left; make room for pushes',
  });
});

test('a store with room, or without a limit, is healthy', async (t) => {
  for (const free of [GIB, undefined]) {
    const { as, platform } = await startApp(t);
    t.mock.method(platform.storage, 'findFreeBytes', async () => free);

    const reply = await as('anonymous').get('/api/v2.0/health');

    assert.equal(reply.json().status, 'healthy', String(free));
  }
});

test('the file system is not asked for each request', async (t) => {
  const { as, platform } = await startApp(t);
  const asked = t.mock.method(platform.storage, 'findFreeBytes', async () => GIB);

  for (let times = 0; times < 5; times++) await as('anonymous').get('/api/v2.0/health');

  assert.equal(asked.mock.callCount(), 1);
});

test('a store that hangs is unhealthy, and health does not hang with it', async (t) => {
  const { as, platform } = await startApp(t);
  t.mock.method(platform.storage, 'isHealthy', () => new Promise(() => {}));

  const reply = await as('anonymous').get('/api/v2.0/health');

  assert.equal(reply.statusCode, 503);
  assert.equal(reply.json().components[2].error, 'the blob store does not answer');
});
