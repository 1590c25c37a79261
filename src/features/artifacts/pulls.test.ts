import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { sql } from 'kysely';

import { must, pushImage } from '../../../test/harness/registry.ts';
import { startApp } from '../../../test/harness.ts';
import { openPullCounter } from './count-pulls.ts';

const REPOSITORY = '/api/v2.0/projects/library/repositories/app';
const NEVER = '0001-01-01T00:00:00.000Z';

async function start(t: TestContext) {
  const app = await startApp(t);
  const admin = app.as('admin');
  const { digest } = await pushImage(admin, 'library/app', 'v1');
  must(await admin.post(`${REPOSITORY}/artifacts/v1/tags`, { name: 'v2' }), 201);
  const { recorder } = app.platform;
  return {
    ...app,
    admin,
    digest,
    pull: async (reference: string, headers = {}) =>
      admin.get(`/v2/library/app/manifests/${reference}`, headers),
    /** What is shown once pulls were written. */
    async show() {
      await recorder.flush();
      const { pull_count } = (await admin.get(REPOSITORY)).json();
      const artifact = (await admin.get(`${REPOSITORY}/artifacts/${digest}`)).json();
      const pulled = (artifact.tags as { name: string; pull_time: string }[])
        .filter(({ pull_time }) => pull_time !== NEVER)
        .map(({ name }) => name);
      return {
        pull_count,
        isPulled: artifact.pull_time !== NEVER,
        tags: pulled.toSorted().join(' '),
      };
    },
  };
}

test('pulls are counted, by tag and by digest; who only asks, or has it already, pulls nothing', async (t) => {
  const { admin, digest, pull, show } = await start(t);
  await admin.head('/v2/library/app/manifests/v1');
  await pull('v1', { 'if-none-match': `"${digest}"` });
  await pull('nothing');
  await admin.get(`${REPOSITORY}/artifacts/v1/additions/build_history`);
  assert.deepEqual(await show(), { pull_count: 0, isPulled: false, tags: '' });

  await pull(digest);
  assert.deepEqual(await show(), { pull_count: 1, isPulled: true, tags: '' });

  await Promise.all([pull('v1'), pull('v1'), pull(digest)]);
  assert.deepEqual(await show(), { pull_count: 4, isPulled: true, tags: 'v1' });
  assert.deepEqual(await show(), { pull_count: 4, isPulled: true, tags: 'v1' });
});

test('an administrator can turn counts and times off', async (t) => {
  const { admin, pull, show } = await start(t);
  must(await admin.put('/api/v2.0/configurations', { pull_count_update_disable: true }), 200);
  await pull('v1');
  assert.deepEqual(await show(), { pull_count: 0, isPulled: true, tags: 'v1' });

  const other = { pull_count_update_disable: false, pull_time_update_disable: true };
  must(await admin.put('/api/v2.0/configurations', other), 200);
  await pull('v2');
  assert.deepEqual(await show(), { pull_count: 1, isPulled: true, tags: 'v1' });
});

test('pulls of what is deleted or moved meanwhile do no harm, and those of two nodes add up', async (t) => {
  const { admin, digest, pull, show, ...app } = await start(t);
  const other = await startApp(t, { besides: app });
  await pull('v1');
  await other.as('admin').get('/v2/library/app/manifests/v1');
  await pushImage(admin, 'library/app', 'v1', { config: '{"author":"another"}' });
  await Promise.all([app.platform.recorder.flush(), other.platform.recorder.flush()]);
  assert.deepEqual(await show(), { pull_count: 2, isPulled: true, tags: '' });

  await pull('v2');
  must(await admin.delete(`${REPOSITORY}/artifacts/${digest}`), 200);
  await app.platform.recorder.flush();
  assert.equal((await admin.get(REPOSITORY)).json().pull_count, 3);
  await pull('v1');
  must(await admin.delete(REPOSITORY), 200);
  await app.platform.recorder.flush();
});

test('pulls that cannot be written now are written later', async (t) => {
  const { pull, show, platform } = await start(t);
  await pull('v1');
  const away = new Error('Connection terminated unexpectedly');
  const failing = t.mock.method(platform.db, 'getExecutor', () => {
    throw away;
  });
  await platform.recorder.flush();
  failing.mock.restore();
  await pull('v1');

  assert.deepEqual(await show(), { pull_count: 2, isPulled: true, tags: 'v1' });
});

test('lists show pulls and are sorted by them, and the search shows them', async (t) => {
  const { admin, pull, platform } = await start(t);
  const API = '/api/v2.0';
  await pushImage(admin, 'library/often', 'v1', { config: '{"author":"often"}' });
  await pushImage(admin, 'library/app', 'v9', { config: '{"author":"never"}' });
  await pull('v1');
  for (let times = 0; times < 2; times++) await admin.get('/v2/library/often/manifests/v1');
  await platform.recorder.flush();
  const namesAt = async (path: string) =>
    (await admin.get(`${API}/${path}`))
      .json<{ name: string; pull_count: number }[]>()
      .map(({ name, pull_count }) => `${name} ${pull_count}`);
  const pulledAt = async (sort: string) =>
    (await admin.get(`${REPOSITORY}/artifacts?sort=${sort}`))
      .json<{ pull_time: string }[]>()
      .map(({ pull_time }) => pull_time !== NEVER);

  const expected = ['library/often 2', 'library/app 1'];
  assert.deepEqual(await namesAt('projects/library/repositories?sort=-pull_count'), expected);
  assert.deepEqual(await namesAt('repositories?sort=pull_count'), expected.toReversed());
  assert.deepEqual(await pulledAt('-pull_time'), [true, false]);
  assert.deepEqual(await pulledAt('pull_time'), [false, true]);
  const { repository } = (await admin.get(`${API}/search?q=often`)).json();
  assert.equal(repository[0].pull_count, 2);
});

test('any number of tags is counted, in batches', async (t) => {
  const { admin, platform } = await start(t);
  const countPull = openPullCounter(platform);
  const { rows } = await sql<{ id: number }>`select id from manifest`.execute(platform.db);

  for (let number = 0; number < 4500; number++) countPull(rows[0]!, `t${number}`);
  await platform.recorder.flush();
  await platform.recorder.flush();

  assert.equal((await admin.get(REPOSITORY)).json().pull_count, 4500);
});
