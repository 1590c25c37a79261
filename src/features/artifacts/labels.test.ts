import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { must, pushImage } from '../../../test/harness/registry.ts';
import { startApp } from '../../../test/harness.ts';

const LABELS = '/api/v2.0/labels';

async function start(t: TestContext) {
  const app = await startApp(t);
  const admin = app.as('admin');
  await app.createProject('team');
  await app.createProject('other');
  await app.createUser('dev', { team: 2 });
  await app.createUser('guest', { team: 3 });
  const idOf = async (name: string): Promise<number> =>
    (await admin.get(`/api/v2.0/projects/${name}`)).json().project_id;
  const make = async (name: string, project?: string) => {
    const scope =
      project === undefined ? { scope: 'g' } : { scope: 'p', project_id: await idOf(project) };
    const reply = must(await admin.post(LABELS, { name, ...scope }), 201);
    return Number(String(reply.headers.location).split('/').at(-1));
  };
  for (const tag of ['v1', 'v2']) {
    await pushImage(admin, 'team/app', tag, { config: JSON.stringify({ author: tag }) });
  }
  const artifacts = '/api/v2.0/projects/team/repositories/app/artifacts';
  const labelsOf = async (reference: string) => {
    const reply = must(await admin.get(`${artifacts}/${reference}?with_label=true`), 200);
    return (reply.json().labels as { name: string }[] | null)?.map(({ name }) => name).join(' ');
  };
  const filter = async (ids: number[]) => {
    const reply = must(
      await admin.get(`${artifacts}?q=${encodeURIComponent(`labels=(${ids.join(' ')})`)}`),
      200,
    );
    return reply
      .json<{ tags: { name: string }[] }[]>()
      .map(({ tags }) => tags[0]!.name)
      .join(' ');
  };
  return { ...app, admin, make, artifacts, labelsOf, filter };
}

test('labels of the project and of the registry are put on artifacts, found by, and taken off', async (t) => {
  const { as, make, artifacts, labelsOf, filter } = await start(t);
  const dev = as('dev');
  const [mine, global] = [await make('mine', 'team'), await make('global')];

  const added = await dev.post(`${artifacts}/v1/labels`, {
    id: mine,
    name: 'whatever',
    scope: 'p',
  });
  must(await dev.post(`${artifacts}/v1/labels`, { id: global }), 200);
  must(await dev.post(`${artifacts}/v2/labels`, { id: global }), 200);

  assert.deepEqual([added.statusCode, added.body], [200, '']);
  assert.equal(await labelsOf('v1'), 'global mine');
  assert.equal(await filter([global]), 'v2 v1');
  assert.equal(await filter([global, mine]), 'v1');
  assert.equal(await filter([global, mine, mine]), 'v1');
  assert.equal(await filter([mine, 987_654]), '');
  const removed = await dev.delete(`${artifacts}/v1/labels/${global}`);
  assert.deepEqual([removed.statusCode, removed.body], [200, '']);
  assert.equal(await labelsOf('v1'), 'mine');
  assert.equal((await dev.delete(`${artifacts}/v1/labels/${global}`)).statusCode, 404);
});

test('a label is put on once, only where it belongs, and only by those who may', async (t) => {
  const { as, admin, make, artifacts } = await start(t);
  const [mine, foreign] = [await make('mine', 'team'), await make('foreign', 'other')];
  const add = (user: string, id: unknown, reference = 'v1') =>
    as(user).post(`${artifacts}/${reference}/labels`, { id });

  const several = await Promise.all([1, 2, 3].map(() => add('dev', mine)));
  const statuses = several.map(({ statusCode }) => statusCode).toSorted();

  assert.deepEqual(statuses, [200, 409, 409]);
  const rows: [user: string, id: unknown, status: number, reference?: string][] = [
    ['dev', mine, 409],
    ['admin', foreign, 404],
    ['dev', 987_654, 404],
    ['dev', mine, 404, 'v9'],
    ['guest', mine, 403],
    ['anonymous', mine, 401],
    ['dev', 0, 400],
    ['dev', -1, 400],
    ['dev', 'x', 422],
    ['dev', undefined, 400],
  ];
  for (const [user, id, status, reference] of rows) {
    const reply = await add(user, id, reference);
    assert.equal(reply.statusCode, status, `${user} ${String(id)} ${reply.body}`);
  }
  assert.equal((await as('guest').delete(`${artifacts}/v1/labels/${mine}`)).statusCode, 403);
  must(await admin.delete(`${LABELS}/${mine}`), 200);
  assert.equal((await admin.delete(`${artifacts}/v1/labels/${mine}`)).statusCode, 404);
});

test('an artifact keeps its labels in the trash, though it is pushed again meanwhile', async (t) => {
  const { admin, make, artifacts, labelsOf } = await start(t);
  const id = await make('mine', 'team');
  const push = () =>
    pushImage(admin, 'team/app', 'v1', { config: JSON.stringify({ author: 'v1' }) });
  const restore = async () => {
    const [deletion] = (await admin.get('/api/v2.0/trash')).json();
    must(await admin.post(`/api/v2.0/trash/${deletion.id}/restore`, {}), 200);
  };
  must(await admin.post(`${artifacts}/v1/labels`, { id }), 200);

  must(await admin.delete(`${artifacts}/v1`), 200);
  await restore();
  assert.equal(await labelsOf('v1'), 'mine');

  must(await admin.delete(`${artifacts}/v1`), 200);
  await push();
  assert.equal(await labelsOf('v1'), undefined);
  await restore();
  assert.equal(await labelsOf('v1'), 'mine');
});

test('labels that are put on and taken off are in the audit log', async (t) => {
  const { admin, make, artifacts, platform } = await start(t);
  const id = await make('mine', 'team');
  await admin.post(`${artifacts}/v1/labels`, { id });
  await admin.delete(`${artifacts}/v1/labels/${id}`);

  const events = await platform.db
    .selectFrom('event_outbox')
    .select(['type', 'before', 'after'])
    .where('type', 'like', 'artifact.label%')
    .orderBy('id')
    .execute();

  assert.deepEqual(events, [
    { type: 'artifact.label_added', before: null, after: { label: 'mine' } },
    { type: 'artifact.label_removed', before: { label: 'mine' }, after: null },
  ]);
});
