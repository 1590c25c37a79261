import assert from 'node:assert/strict';
import { test } from 'node:test';

import { pushImage } from '../../test/harness/registry.ts';
import { bearer, fetchToken } from '../../test/harness/tokens.ts';
import { startApp, type TestApp } from '../../test/harness.ts';

/** Takes every connection of the pool; answers what gives them back. */
async function holdPool({ platform: { db } }: TestApp): Promise<() => void> {
  const released = Promise.withResolvers<void>();
  const held = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
  for (const { resolve } of held) {
    void db.connection().execute(async () => {
      resolve();
      await released.promise;
    });
  }
  await Promise.all(held.map(({ promise }) => promise));
  return released.resolve;
}

test('a pull is answered while all other connections to the database are busy', async (t) => {
  const started = await startApp(t);
  const { as } = started;
  await started.createProject('team');
  await started.createUser('ann', { team: 3 });
  const { digest } = await pushImage(as('admin'), 'team/app', '1');
  const token = await fetchToken(started, 'ann', 'repository:team/app:pull');
  const release = await holdPool(started);

  const statuses: number[] = [];
  for (const path of ['', 'team/app/manifests/1', `team/app/manifests/${digest}`]) {
    statuses.push((await as('ann').get(`/v2/${path}`)).statusCode);
    statuses.push((await as('anonymous').get(`/v2/${path}`, bearer(token))).statusCode);
  }
  release();

  assert.deepEqual([...new Set(statuses)], [200]);
});
