import assert from 'node:assert/strict';
import { test } from 'node:test';

import { sql } from 'kysely';

import { must, pushImage } from '../../../test/harness/registry.ts';
import { startApp, type TestApp } from '../../../test/harness.ts';
import { repositoryCounting } from './jobs.ts';

const PROJECT = '/api/v2.0/projects/team';

/** As every list says it. */
async function countIn({ as }: TestApp) {
  const admin = as('admin');
  const all = await admin.get('/api/v2.0/repositories?page_size=1');
  const statistics = (await admin.get('/api/v2.0/statistics')).json();
  const numbers = [
    (await admin.get(PROJECT)).json().repo_count,
    (await admin.get(`${PROJECT}/summary`)).json().repo_count,
    Number((await admin.get(`${PROJECT}/repositories`)).headers['x-total-count']),
    Number(all.headers['x-total-count']),
    statistics.total_repo_count,
  ];
  const [first] = numbers;
  assert.deepEqual(new Set(numbers), new Set([first]), numbers.join(' '));
  return first;
}

test('repositories are counted as they come and go, before and after the job counts them', async (t) => {
  const app = await startApp(t);
  const admin = app.as('admin');
  await app.createProject('team');
  const count = () => repositoryCounting.run(app.platform, new AbortController().signal);
  const both = async () => {
    const before = await countIn(app);
    await count();
    assert.equal(await countIn(app), before);
    return before;
  };

  assert.equal(await both(), 0);
  await Promise.all(['a', 'b', 'c'].map((name) => pushImage(admin, `team/${name}`, 'v1')));
  assert.equal(await both(), 3);
  must(await admin.delete(`${PROJECT}/repositories/b`), 200);
  assert.equal(await both(), 2);
  const [trashed] = (await admin.get('/api/v2.0/trash')).json();
  must(await admin.post(`/api/v2.0/trash/${trashed.id}/restore`, {}), 200);
  assert.equal(await both(), 3);
  must(await admin.delete(`${PROJECT}?with_repositories=true`), 200);
  const { headers } = await admin.get('/api/v2.0/repositories');
  assert.equal(headers['x-total-count'], '0');
});

test('two who count at once, while repositories appear, leave the right number', async (t) => {
  const app = await startApp(t);
  const admin = app.as('admin');
  await app.createProject('team');
  const { signal } = new AbortController();

  await Promise.all(
    Array.from({ length: 20 }, async (_, number) => {
      await pushImage(admin, `team/r${number}`, 'v1');
      await Promise.all([1, 2].map(() => repositoryCounting.run(app.platform, signal)));
    }),
  );

  const { rows } = await sql`select number from repository_number where number > 0`.execute(
    app.platform.db,
  );
  const left = await sql`select from project_change`.execute(app.platform.db);
  assert.deepEqual(rows, [{ number: 20 }]);
  assert.equal(left.rows.length, 0);
});
