import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';

import { basic } from '../../test/harness/client.ts';
import { holdPool } from '../../test/harness/hold-pool.ts';
import { pushImage } from '../../test/harness/registry.ts';
import { ADMIN_PASSWORD, startApp, type TestApp } from '../../test/harness.ts';

const headers = { authorization: basic('admin', ADMIN_PASSWORD) };

test('when too many wait for the database the next are refused at once, and those who wait are served', async (t) => {
  const started = await startApp(t, { config: ({ overload }) => (overload.waiting_queries = 3) });
  const url = await started.listen();
  await pushImage(started.as('admin'), 'library/app', '1');
  const release = await holdPool(started);
  const ask = (path: string) => fetch(`${url}${path}`, { headers });

  const waiting = Array.from({ length: 3 }, () => ask('/v2/library/app/tags/list'));
  while ((await countRunning(started)) < 3) await setTimeout(10);
  await setTimeout(50);
  const refused = await Promise.all(
    Array.from({ length: 50 }, () => ask('/v2/library/app/tags/list')),
  );
  const pull = await ask('/v2/library/app/manifests/1');
  release();
  const served = await Promise.all(waiting);

  for (const reply of refused) {
    assert.equal(reply.status, 503);
    assert.equal(reply.headers.get('retry-after'), '2');
    const { errors } = (await reply.json()) as { errors: { code: string; message: string }[] };
    assert.deepEqual(errors, [
      { code: 'UNAVAILABLE', message: 'too many queries are waiting; try again' },
    ]);
  }
  assert.equal(pull.status, 200, 'look-ups have connections of their own');
  assert.deepEqual([...new Set(served.map(({ status }) => status))], [200]);
  assert.equal((await ask('/v2/library/app/tags/list')).status, 200);
});

const countRunning = async ({ platform: { metrics } }: TestApp) =>
  (await metrics.requestsRunning.get()).values[0]!.value;
