import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startApp, type TestApp } from '../../../test/harness.ts';
import { must, pushImage } from '../../../test/harness/registry.ts';

const QUOTAS = '/api/v2.0/quotas';

/** A project `team` with this limit; answers the path of its quota. */
async function createLimited({ as, createProject }: TestApp, storage: number): Promise<string> {
  await createProject('team');
  const { project_id } = (await as('admin').get('/api/v2.0/projects/team')).json();
  must(await as('admin').put(`${QUOTAS}/${project_id}`, { hard: { storage } }), 200);
  return `${QUOTAS}/${project_id}`;
}

test('quotas are listed, the largest first if asked, and found by their project', async (t) => {
  const app = await startApp(t);
  const { as, createProject } = app;
  const admin = as('admin');
  const ids: Record<string, number> = {};
  for (const [name, storage] of [
    ['small', 1000],
    ['large', 5000],
    ['none', -1],
  ] as const) {
    await createProject(name);
    ids[name] = (await admin.get(`/api/v2.0/projects/${name}`)).json().project_id;
    await admin.put(`${QUOTAS}/${ids[name]}`, { hard: { storage } });
  }
  await pushImage(admin, 'small/app', 'v1');
  const list = async (query: string) => {
    const reply = await admin.get(`${QUOTAS}?${query}`);
    const names = reply.json().map(({ ref }: { ref: { name: string } }) => ref.name);
    return [reply.headers['x-total-count'], ...names];
  };

  assert.deepEqual(await list(''), ['4', 'none', 'large', 'small', 'library']);
  assert.deepEqual((await list('sort=hard.storage')).slice(0, 3), ['4', 'small', 'large']);
  assert.deepEqual((await list('sort=-hard.storage')).slice(-2), ['large', 'small']);
  assert.equal((await list('sort=-used.storage'))[1], 'small');
  assert.deepEqual(await list(`reference=project&reference_id=${ids.large}`), ['1', 'large']);
  assert.deepEqual(await list(`reference_id=${ids.large}`), ['1', 'large']);
  assert.deepEqual(await list('reference=robot'), ['0']);
  assert.deepEqual(await list('reference_id=one'), ['0']);
  assert.deepEqual(await list('page=2&page_size=3'), ['4', 'library']);
  const [found] = (await admin.get(`${QUOTAS}?reference_id=${ids.large}`)).json();
  assert.deepEqual(found.ref, { id: ids.large, name: 'large', owner_name: 'admin' });
});

const CHANGES: [body: unknown, status: number][] = [
  [{ hard: { storage: 1 } }, 200],
  [{ hard: { storage: -1 } }, 200],
  [{ hard: { storage: 2 ** 50 } }, 200],
  [{ hard: { storage: 2 ** 50 + 1 } }, 400],
  [{ hard: { storage: 1e300 } }, 400],
  [{ hard: { storage: 0 } }, 400],
  [{ hard: { storage: -2 } }, 400],
  [{ hard: { count: 5 } }, 400],
  [{ hard: { storage: 5, count: 5 } }, 400],
  [{ hard: { storage: 5, ['__proto__']: 5 } }, 400],
  [{ hard: {} }, 400],
  [{}, 400],
  [{ hard: { storage: 1.5 } }, 422],
  [{ hard: { storage: '5' } }, 422],
  [{ hard: null }, 400],
  [{ hard: [5] }, 422],
];

test('a limit is -1 or up to 1024 TiB of storage', async (t) => {
  const app = await startApp(t);
  const quota = await createLimited(app, 5);

  for (const [body, status] of CHANGES) {
    const reply = await app.as('admin').put(quota, body as object);
    assert.equal(reply.statusCode, status, `${JSON.stringify(body)} ${reply.body}`);
  }
});

test('quotas are for system administrators', async (t) => {
  const app = await startApp(t);
  const quota = await createLimited(app, 5);
  await app.createUser('ann', { team: 1 });

  for (const [who, status] of [
    ['ann', 403],
    ['anonymous', 401],
  ] as const) {
    for (const path of [QUOTAS, quota, `${QUOTAS}/4711`]) {
      assert.equal((await app.as(who).get(path)).statusCode, status, path);
    }
    assert.equal((await app.as(who).put(quota, { hard: { storage: -1 } })).statusCode, status);
  }
  assert.equal((await app.as('admin').get(`${QUOTAS}/4711`)).statusCode, 404);
  assert.equal((await app.as('admin').get(`${QUOTAS}/x`)).statusCode, 422);
  const missing = await app.as('admin').put(`${QUOTAS}/4711`, { hard: { storage: 1 } });
  assert.equal(missing.statusCode, 404);
});
