import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { startApp } from '../../../test/harness.ts';
import type { Client } from '../../../test/harness/client.ts';
import { dispatching } from '../../platform/events/index.ts';

const LABELS = '/api/v2.0/labels';

/** Two projects, `team` with people of every kind in it, and `other` that none of them belongs to. */
async function start(t: TestContext) {
  const app = await startApp(t);
  await app.createProject('team');
  await app.createProject('other');
  await app.createUser('boss', { team: 1 });
  await app.createUser('keeper', { team: 4 });
  await app.createUser('dev', { team: 2 });
  await app.createUser('limited', { team: 5 });
  await app.createUser('stranger');
  const idOf = async (name: string): Promise<number> =>
    (await app.as('admin').get(`/api/v2.0/projects/${name}`)).json().project_id;
  return { ...app, team: await idOf('team'), other: await idOf('other') };
}

async function make(client: Client, label: object): Promise<string> {
  const reply = await client.post(LABELS, label);
  assert.equal(reply.statusCode, 201, reply.body);
  assert.equal(reply.body, '');
  return reply.headers.location as string;
}

const namesOf = (reply: { json: () => unknown }) =>
  (reply.json() as { name: string }[]).map(({ name }) => name);

test('a label is found where its location says, as it was made and changed', async (t) => {
  const { as, team } = await start(t);
  const keeper = as('keeper');
  const path = await make(keeper, {
    name: 'release',
    description: 'is out',
    color: '#00ff00',
    scope: 'p',
    project_id: team,
  });

  const made = (await keeper.get(path)).json();
  const changed = await keeper.put(path, { ...made, name: 'released', description: '', color: '' });
  const after = (await keeper.get(path)).json();
  const gone = await keeper.delete(path);

  const { id, creation_time, update_time, ...rest } = made;
  assert.equal(path, `${LABELS}/${id}`);
  assert.match(creation_time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.equal(update_time, creation_time);
  assert.deepEqual(rest, {
    name: 'release',
    description: 'is out',
    color: '#00ff00',
    scope: 'p',
    project_id: team,
  });
  assert.deepEqual([changed.statusCode, changed.body], [200, '']);
  assert.deepEqual([after.name, after.description, after.color], ['released', '', '']);
  assert.deepEqual([gone.statusCode, gone.body], [200, '']);
  assert.equal((await keeper.get(path)).statusCode, 404);
  assert.equal((await keeper.delete(path)).statusCode, 404);
  assert.equal((await keeper.put(path, { name: 'again' })).statusCode, 404);
});

test("a label's name is unique in its project, and in the registry", async (t) => {
  const { as, team, other } = await start(t);
  const admin = as('admin');
  const release = { name: 'release' };
  await make(admin, { ...release, scope: 'g', project_id: 0 });
  await make(admin, { ...release, scope: 'p', project_id: team });
  const path = await make(admin, { name: 'another', scope: 'p', project_id: team });
  await make(admin, { ...release, scope: 'p', project_id: other });

  const again = await admin.post(LABELS, { ...release, scope: 'p', project_id: team });
  const global = await admin.post(LABELS, { ...release, scope: 'g' });
  const renamed = await admin.put(path, release);

  for (const reply of [again, global, renamed]) {
    assert.equal(reply.statusCode, 409, reply.body);
    assert.equal(reply.json().errors[0].code, 'CONFLICT');
  }
});

test('of two who make the same label at once, one is told that it is there', async (t) => {
  const { as } = await start(t);

  const replies = await Promise.all(
    Array.from({ length: 6 }, () => as('admin').post(LABELS, { name: 'same', scope: 'g' })),
  );

  const statuses = replies.map(({ statusCode }) => statusCode).toSorted();
  assert.deepEqual(statuses, [201, 409, 409, 409, 409, 409]);
});

test('who may see and change labels of a project and of the registry', async (t) => {
  const { as, team } = await start(t);
  const mine = await make(as('admin'), { name: 'mine', scope: 'p', project_id: team });
  const global = await make(as('admin'), { name: 'global', scope: 'g' });
  // what they get for: list, read, create, change
  const rows: [user: string, ofProject: number[], ofRegistry: number[]][] = [
    ['admin', [200, 200, 201, 200], [200, 200, 201, 200]],
    ['boss', [200, 200, 201, 200], [200, 200, 403, 403]],
    ['keeper', [200, 200, 201, 200], [200, 200, 403, 403]],
    ['dev', [200, 200, 403, 403], [200, 200, 403, 403]],
    ['limited', [403, 404, 403, 404], [200, 200, 403, 403]],
    ['stranger', [403, 404, 403, 404], [200, 200, 403, 403]],
    ['anonymous', [401, 401, 401, 401], [401, 401, 401, 401]],
  ];

  for (const [user, ofProject, ofRegistry] of rows) {
    const client = as(user);
    const label = { name: `by ${user}`, scope: 'p', project_id: team };
    const replies = [
      await client.get(`${LABELS}?scope=p&project_id=${team}`),
      await client.get(mine),
      await client.post(LABELS, label),
      await client.put(mine, { name: 'mine' }),
      await client.get(`${LABELS}?scope=g`),
      await client.get(global),
      await client.post(LABELS, { ...label, scope: 'g' }),
      await client.put(global, { name: 'global' }),
    ];

    const statuses = replies.map(({ statusCode }) => statusCode);
    assert.deepEqual(statuses, [...ofProject, ...ofRegistry], user);
  }
});

test('labels of a public project are seen by anybody, and changed by nobody else', async (t) => {
  const { as, createProject } = await start(t);
  await createProject('open', true);
  const { project_id } = (await as('admin').get('/api/v2.0/projects/open')).json();
  const path = await make(as('admin'), { name: 'seen', scope: 'p', project_id });

  const list = await as('anonymous').get(`${LABELS}?scope=p&project_id=${project_id}`);

  assert.deepEqual(namesOf(list), ['seen']);
  assert.equal((await as('anonymous').get(path)).statusCode, 200);
  assert.equal((await as('stranger').put(path, { name: 'x' })).statusCode, 403);
  assert.equal((await as('stranger').delete(path)).statusCode, 403);
});

test('lists have one scope, and are filtered, sorted and cut into pages', async (t) => {
  const { as, team, other } = await start(t);
  const admin = as('admin');
  for (const name of ['beta', 'Alpha', 'gamma']) {
    await make(admin, { name, scope: 'p', project_id: team, color: name === 'beta' ? 'red' : '' });
  }
  await make(admin, { name: 'elsewhere', scope: 'p', project_id: other });
  await make(admin, { name: 'global', scope: 'g' });
  const rows: [query: string, names: string[]][] = [
    ['scope=g', ['global']],
    ['scope=g&project_id=0', ['global']],
    ['scope=g&project_id=1', ['global']],
    [`scope=p&project_id=${other}`, ['elsewhere']],
    [`scope=p&project_id=${team}`, ['Alpha', 'beta', 'gamma']],
    [`scope=p&project_id=${team}&sort=-name`, ['gamma', 'beta', 'Alpha']],
    [`scope=p&project_id=${team}&name=ALPH`, ['Alpha']],
    [`scope=p&project_id=${team}&name=_`, []],
    [`scope=p&project_id=${team}&q=name%3D~a,color%3Dred`, ['beta']],
    [`scope=p&project_id=${team}&q=name%3Dgamma`, ['gamma']],
    [`scope=p&project_id=${team}&page_size=2&page=2`, ['gamma']],
  ];

  for (const [query, names] of rows) {
    const reply = await admin.get(`${LABELS}?${query}`);
    assert.deepEqual(namesOf(reply), names, query);
  }
  const page = await admin.get(`${LABELS}?scope=p&project_id=${team}&page_size=2`);
  assert.equal(page.headers['x-total-count'], '3');
  assert.match(String(page.headers.link), /rel="next"/);
});

test('what is no label is refused with what to do', async (t) => {
  const { as, team } = await start(t);
  const admin = as('admin');
  const rows: [label: object, status: number][] = [
    [{ name: '', scope: 'g' }, 400],
    [{ scope: 'g' }, 400],
    [{ name: 'x'.repeat(129), scope: 'g' }, 400],
    [{ name: 'nul \0', scope: 'g' }, 400],
    [{ name: 5, scope: 'g' }, 422],
    [{ name: 'x' }, 400],
    [{ name: 'x', scope: 'q' }, 400],
    [{ name: 'x', scope: 'p' }, 400],
    [{ name: 'x', scope: 'p', project_id: 0 }, 400],
    [{ name: 'x', scope: 'p', project_id: 987_654 }, 404],
    [{ name: 'x', scope: 'p', project_id: -1 }, 400],
    [{ name: 'x', scope: 'p', project_id: String(team) }, 422],
    [{ name: 'x', scope: 'g', color: 'url(javascript:x)' }, 400],
  ];

  for (const [label, status] of rows) {
    const reply = await admin.post(LABELS, label);
    assert.equal(reply.statusCode, status, `${JSON.stringify(label)} ${reply.body}`);
  }
  for (const query of ['', 'scope=x', 'scope=p', 'scope=p&project_id=0', 'scope=p&project_id=x']) {
    const { statusCode } = await admin.get(`${LABELS}?${query}`);
    assert.ok(statusCode === 400 || statusCode === 422, query);
  }
  assert.equal((await admin.get(`${LABELS}/0`)).statusCode, 422);
  assert.equal((await admin.get(`${LABELS}/x`)).statusCode, 422);
  assert.equal((await admin.get(`${LABELS}/987654`)).statusCode, 404);
});

test('labels are in the audit log', async (t) => {
  const { as, platform, team } = await start(t);
  const path = await make(as('boss'), { name: 'release', scope: 'p', project_id: team });
  await as('boss').put(path, { name: 'released' });
  await as('boss').delete(path);
  await dispatching.run(platform, new AbortController().signal);

  const log = await as('boss').get('/api/v2.0/projects/team/auditlog-exts?page_size=3');

  assert.deepEqual(
    log
      .json<{ operation: string; resource_type: string; resource: string }[]>()
      .map(({ operation, resource_type, resource }) => [operation, resource_type, resource]),
    [
      ['delete', 'label', 'team/released'],
      ['update', 'label', 'team/release'],
      ['create', 'label', 'team/release'],
    ],
  );
});
