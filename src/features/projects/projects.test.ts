import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startApp, type TestApp } from '../../../test/harness.ts';

const PROJECTS = '/api/v2.0/projects';

test('whoever makes a project becomes its administrator', async (t) => {
  const { as, createUser } = await startApp(t);
  await createUser('ann');

  const made = await as('ann').post(PROJECTS, { project_name: 'team' });
  const read = await as('ann').get(`${PROJECTS}/team`);

  assert.equal(made.statusCode, 201);
  assert.equal(made.body, '');
  assert.equal(read.json().current_user_role_id, 1);
  assert.equal(read.json().owner_name, 'ann');
});

test('a project is found by its id, its name, and by a name of digits when asked so', async (t) => {
  const { as } = await startApp(t);
  const made = await as('admin').post(PROJECTS, { project_name: 'team' });
  const id = Number(made.headers.location!.split('/').at(-1));
  await as('admin').post(PROJECTS, { project_name: String(id) });
  const name = async (path: string, headers = {}) =>
    (await as('admin').get(`${PROJECTS}/${path}`, headers)).json().name;

  assert.equal(await name('team'), 'team');
  assert.equal(await name(String(id)), 'team');
  assert.equal(await name(String(id), { 'x-is-resource-name': 'true' }), String(id));
  assert.equal(await name(String(id), { 'x-is-resource-name': 'false' }), 'team');
});

test('the Location of a new project has its id, or its name when asked so', async (t) => {
  const { as } = await startApp(t);
  const header = { 'x-resource-name-in-location': 'true' };

  const byId = await as('admin').post(PROJECTS, { project_name: 'one' });
  const byName = await as('admin').post(PROJECTS, { project_name: 'two' }, header);
  const merged = await as('admin').post('//api//v2.0/projects', { project_name: 'three' }, header);

  assert.match(byId.headers.location!, /^\/api\/v2\.0\/projects\/\d+$/);
  assert.equal(byName.headers.location, '/api/v2.0/projects/two');
  assert.equal(merged.headers.location, '/api/v2.0/projects/three');
});

test('the Location of what was made is a path without the query of the request', async (t) => {
  const { as, createUser } = await startApp(t);
  await createUser('ann');
  const user = { email: 'bob@example.com', realname: 'Bob', password: 'Passw0rdPassw0rd' };
  const rows: [path: string, body: object][] = [
    ['/projects', { project_name: 'team' }],
    ['/projects/team/members', { role_id: 2, member_user: { username: 'ann' } }],
    ['/users', { username: 'bob', ...user }],
  ];
  for (const [path, body] of rows) {
    const made = await as('admin').post(`/api/v2.0${path}?foo=bar`, body);

    assert.match(made.headers.location!, new RegExp(`^/api/v2\\.0${path}/\\d+$`));
    assert.equal((await as('admin').get(made.headers.location!)).statusCode, 200);
  }
});

async function listNames({ as }: TestApp, who: string, query = ''): Promise<string[]> {
  const reply = await as(who).get(`${PROJECTS}${query}`);
  return reply.json().map((project: { name: string }) => project.name);
}

test('the list holds what the caller may see', async (t) => {
  const started = await startApp(t);
  await started.createProject('hers');
  await started.createProject('his');
  await started.createProject('open', true);
  await started.createUser('ann', { hers: 5 });
  await started.createUser('bob', { his: 3 });

  assert.deepEqual(await listNames(started, 'anonymous'), ['library', 'open']);
  assert.deepEqual(await listNames(started, 'ann'), ['hers', 'library', 'open']);
  assert.deepEqual(await listNames(started, 'bob'), ['his', 'library', 'open']);
  assert.deepEqual(await listNames(started, 'admin'), ['hers', 'his', 'library', 'open']);
  assert.deepEqual(await listNames(started, 'ann', '?public=false'), ['hers']);
  assert.deepEqual(await listNames(started, 'ann', '?public=true'), ['library', 'open']);
  assert.deepEqual(await listNames(started, 'ann', '?name=I'), ['library']);
  assert.deepEqual(await listNames(started, 'ann', '?name=%25'), []);
  assert.deepEqual(await listNames(started, 'ann', '?name=_'), []);
});

test('HEAD tells whoever is signed in whether a project is there', async (t) => {
  const { as, createUser } = await startApp(t);
  await createUser('ann');
  const head = async (who: string, query: string) =>
    (await as(who).head(`${PROJECTS}${query}`)).statusCode;

  assert.equal(await head('ann', '?project_name=library'), 200);
  assert.equal(await head('ann', '?project_name=nothing'), 404);
  assert.equal(await head('anonymous', '?project_name=library'), 401);
  assert.equal(await head('ann', ''), 422);
  assert.equal(await head('ann', '?project_name=%00'), 400);
});

test('a project is made private and public again by its administrator', async (t) => {
  const { as, createProject } = await startApp(t);
  await createProject('team');
  const read = async () => (await as('anonymous').get(`${PROJECTS}/team`)).statusCode;
  const update = (metadata?: object) => as('admin').put(`${PROJECTS}/team`, { metadata });

  assert.equal(await read(), 401);
  await update({ public: 'true' });
  assert.equal(await read(), 200);
  await update({});
  assert.equal(await read(), 200);
  await update({ public: 'false' });
  assert.equal(await read(), 401);
});

test('a deleted project is gone, and its name is free', async (t) => {
  const { as, createUser, createProject } = await startApp(t);
  await createProject('team');
  await createUser('ann', { team: 1 });
  await createUser('bob');

  const deleted = await as('ann').delete(`${PROJECTS}/team`);
  const gone = await as('admin').get(`${PROJECTS}/team`);
  const again = await as('bob').post(PROJECTS, { project_name: 'team' });
  const old = await as('ann').get(`${PROJECTS}/team`);

  assert.equal(deleted.statusCode, 200);
  assert.equal(gone.statusCode, 404);
  assert.equal(again.statusCode, 201);
  assert.equal(old.statusCode, 403);
});

test('a project that holds repositories is not deleted', async (t) => {
  const { as, createProject, platform } = await startApp(t);
  await createProject('team');
  const { project_id } = (await as('admin').get(`${PROJECTS}/team`)).json();
  const repository = { project_id, name: 'team/app' };
  await platform.db.insertInto('repository').values(repository).execute();
  const set = (first_pushed_at: Date | null, deleted_at: Date | null) =>
    platform.db.updateTable('repository').set({ first_pushed_at, deleted_at }).execute();
  const remove = async () => (await as('admin').delete(`${PROJECTS}/team`)).statusCode;

  await set(new Date(), null);
  const holding = await as('admin').delete(`${PROJECTS}/team`);
  await set(new Date(), new Date());
  const emptied = await remove();

  assert.equal(holding.statusCode, 412);
  assert.equal(holding.json().errors[0].code, 'PRECONDITION');
  assert.equal(emptied, 200);
});

test('a project in which only an upload was begun is deleted', async (t) => {
  const { as, createProject } = await startApp(t);
  await createProject('team');
  await as('admin').post('/v2/team/app/blobs/uploads/');

  const deleted = await as('admin').delete(`${PROJECTS}/team`);

  assert.equal(deleted.statusCode, 200);
});

test('the list of projects is filtered and sorted as `q` and `sort` say', async (t) => {
  const { as, createProject } = await startApp(t);
  for (const name of ['alpha', 'beta', 'gamma']) await createProject(name);
  const rows: [query: string, names: string[]][] = [
    ['q=name=beta', ['beta']],
    ['q=name=~A', ['alpha', 'beta', 'gamma', 'library']],
    ['q=public=true', ['library']],
    ['q=name={alpha gamma}&sort=-name', ['gamma', 'alpha']],
    ['q=owner=nobody', []],
    ['sort=-creation_time&page_size=1', ['gamma']],
    ['q=unknown=1&sort=unknown&page_size=1', ['alpha']],
  ];

  for (const [query, names] of rows) {
    const reply = await as('admin').get(`/api/v2.0/projects?${query}`);
    assert.deepEqual(
      reply.json().map(({ name }: { name: string }) => name),
      names,
      query,
    );
  }
  const malformed = await as('admin').get('/api/v2.0/projects?q=name');
  assert.equal(malformed.statusCode, 400);
  assert.equal(malformed.json().errors[0].code, 'BAD_REQUEST');
});

test('the roles in a list of projects are looked up once, not for each project', async (t) => {
  const { as, createUser, createProject, platform } = await startApp(t);
  for (const name of ['one', 'two', 'three']) await createProject(name);
  await createUser('ann', { one: 3, two: 1 });
  const asked = t.mock.method(platform.lookups, 'batch');

  const projects = (await as('ann').get(PROJECTS)).json();

  assert.deepEqual(
    projects.map((project: Record<string, unknown>) => [
      project.name,
      project.current_user_role_ids,
    ]),
    [
      ['library', null],
      ['one', [3]],
      ['two', [1]],
    ],
  );
  const names = asked.mock.calls.map((call) => (call.arguments[0] as { name: string }).name);
  assert.ok(!names.includes('standing'), names.join());
});
