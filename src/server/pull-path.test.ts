import assert from 'node:assert/strict';
import { test } from 'node:test';

import { holdPool } from '../../test/harness/hold-pool.ts';
import { pushImage } from '../../test/harness/registry.ts';
import { bearer, fetchToken } from '../../test/harness/tokens.ts';
import { startApp } from '../../test/harness.ts';

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
