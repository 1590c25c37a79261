import assert from 'node:assert/strict';
import { test } from 'node:test';

import { must } from '../../../../test/harness/registry.ts';
import { createRobot, grant, ROBOTS } from '../../../../test/harness/robots.ts';
import { shareApp } from '../../../../test/harness/share-app.ts';
import { startApp } from '../../../../test/harness.ts';

const share = shareApp();
const DAY = 24 * 60 * 60;

test('a robot is made, read, changed and deleted', async (t) => {
  const { as, createUser, createProject } = await startApp(t);
  await createProject('team');
  await createUser('ann', { team: 1 });
  const ann = as('ann');
  const wish = {
    name: 'ci',
    description: 'builds',
    level: 'project',
    duration: 7,
    permissions: [grant('team', 'repository:push', 'artifact:read')],
  };

  const made = must(await ann.post(ROBOTS, wish), 201);
  const path = String(made.headers.location);
  const read = (await ann.get(path)).json();
  const changed = await ann.put(path, { ...read, disable: true, duration: 8, description: 'b' });
  const after = (await ann.get(path)).json();
  const deleted = await ann.delete(path);
  const gone = await ann.get(path);

  const { id, name, secret, creation_time, expires_at } = made.json();
  assert.equal(path, `${ROBOTS}/${id}`);
  assert.equal(name, 'robot$team+ci');
  assert.match(secret, /^[a-zA-Z0-9]{32}$/);
  assert.equal(expires_at, Math.floor(Date.parse(creation_time) / 1000) + 7 * DAY);
  const { user_id } = (await ann.get('/api/v2.0/users/current')).json();
  assert.deepEqual(read, {
    id,
    name,
    description: 'builds',
    level: 'project',
    duration: 7,
    editable: true,
    disable: false,
    expires_at,
    permissions: [
      {
        kind: 'project',
        namespace: 'team',
        access: [
          { resource: 'artifact', action: 'read', effect: 'allow' },
          { resource: 'repository', action: 'push', effect: 'allow' },
        ],
      },
    ],
    creator_type: 'local',
    creator_ref: user_id,
    creation_time,
    update_time: creation_time,
    secrets: [{ id: read.secrets[0].id, creation_time, expires_at: -1 }],
  });
  assert.equal(changed.statusCode, 200);
  assert.equal(changed.body, '');
  assert.deepEqual([after.disable, after.duration, after.description], [true, 8, 'b']);
  assert.equal(after.expires_at, expires_at + DAY);
  assert.deepEqual(after.permissions, read.permissions);
  assert.equal(deleted.statusCode, 200);
  assert.equal(gone.statusCode, 404);
});

test('a robot that is given no duration has that of the settings', async () => {
  const app = await share();
  const { name, ...robot } = { name: 'default', permissions: [grant('/', 'catalog:read')] };

  const made = await app.as('admin').post(ROBOTS, { name, level: 'system', ...robot });

  const { id } = made.json();
  assert.equal((await app.as('admin').get(`${ROBOTS}/${id}`)).json().duration, 30);
});

const FIT = {
  name: 'unfit',
  level: 'system',
  duration: 1,
  permissions: [grant('library', 'repository:pull')],
};
const project = (...permissions: object[]) => ({ level: 'project', permissions });
const UNFIT: [what: string, change: object, status: number][] = [
  ['no name', { name: undefined }, 400],
  ['an empty name', { name: '' }, 400],
  ['capitals', { name: 'CI' }, 400],
  ['a prefix in the name', { name: 'robot$ci' }, 400],
  ['a project in the name', { name: 'library+ci' }, 400],
  ['a long name', { name: 'a'.repeat(256) }, 400],
  ['a name that is a number', { name: 1 }, 422],
  ['a long description', { description: 'a'.repeat(1025) }, 400],
  ['an unknown level', { level: 'user' }, 400],
  ['a duration of 0', { duration: 0 }, 400],
  ['a duration of -2', { duration: -2 }, 400],
  ['a duration beyond all calendars', { duration: 2 ** 31 - 1 }, 400],
  ['half a day', { duration: 0.5 }, 422],
  ['no permissions', { permissions: [] }, 400],
  ['permissions that are none', { permissions: null }, 422],
  ['a permission that is null', { permissions: [null] }, 422],
  ['no access', { permissions: [grant('library')] }, 400],
  ['access that is null', { permissions: [{ ...grant('library'), access: [null] }] }, 422],
  ['an unknown permission', { permissions: [grant('library', 'repository:own')] }, 400],
  ['one that only users have', { permissions: [grant('library', 'trash:list')] }, 400],
  ['one of the system in a project', { permissions: [grant('library', 'user:list')] }, 400],
  ['one of projects in the system', { permissions: [grant('/', 'member:list')] }, 400],
  ['an unknown kind', { permissions: [{ ...grant('library'), kind: 'user' }] }, 400],
  [
    'the system under a name',
    { permissions: [{ ...grant('/', 'user:list'), namespace: 'x' }] },
    400,
  ],
  ['an unknown effect', { permissions: [{ ...grant('library'), access: [{ effect: 'x' }] }] }, 400],
  ['a project that is not there', { permissions: [grant('nothing', 'quota:read')] }, 404],
  ['NUL in the project', { permissions: [grant('a\0', 'quota:read')] }, 400],
  ['too many places', { permissions: Array(1001).fill(grant('library', 'quota:read')) }, 400],
  ['two projects of one', project(grant('a', 'quota:read'), grant('b', 'quota:read')), 400],
  ['all projects of one', project(grant('*', 'quota:read')), 400],
  ['the system of a project', project(grant('/', 'catalog:read')), 400],
  ['of a project that is not there', project(grant('nothing', 'quota:read')), 404],
  ['a weak secret', { secret: 'secret' }, 400],
  ['a long secret', { secret: `Aa1${'a'.repeat(126)}` }, 400],
];

test('a robot that is not as it should be is refused', async () => {
  const { as } = await share();

  for (const [what, change, status] of UNFIT) {
    const reply = await as('admin').post(ROBOTS, { ...FIT, ...change });
    assert.equal(reply.statusCode, status, `${what} ${reply.body}`);
  }
  assert.equal((await as('admin').get(`${ROBOTS}?q=name=~unfit`)).headers['x-total-count'], '0');
});

test('a name is that of one robot in its project, whoever is quicker', async () => {
  const { as, createProject } = await share();
  await createProject('twice');
  const create = async (namespace: string) => {
    const robot = { ...FIT, level: 'project', permissions: [grant(namespace, 'quota:read')] };
    return (await as('admin').post(ROBOTS, robot)).statusCode;
  };

  const statuses = await Promise.all([create('twice'), create('twice'), create('library')]);

  assert.deepEqual(statuses.toSorted(), [201, 201, 409]);
});

const UNCHANGEABLE: [what: string, change: object, status: number][] = [
  ['another name', { name: 'robot$library+other' }, 400],
  ['the name alone, in another project', { name: 'team+fixed' }, 400],
  ['another level', { level: 'system' }, 400],
  ['another project', { permissions: [grant('moved', 'quota:read')] }, 400],
  ['no permissions', { permissions: [] }, 400],
  ['a duration of 0', { duration: 0 }, 400],
  ['nothing of it', { permissions: undefined }, 400],
];

test('a robot keeps its name, level and project', async () => {
  const app = await share();
  await app.createProject('moved');
  const admin = app.as('admin');
  const { id } = await createRobot(app, {
    name: 'fixed',
    permissions: [grant('library', 'quota:read')],
  });
  const read = (await admin.get(`${ROBOTS}/${id}`)).json();

  for (const [what, change, status] of UNCHANGEABLE) {
    const reply = await admin.put(`${ROBOTS}/${id}`, { ...read, ...change });
    assert.equal(reply.statusCode, status, `${what} ${reply.body}`);
  }
  const asStored = await admin.put(`${ROBOTS}/${id}`, { ...read, name: 'library+fixed' });
  const { duration: _, name: __, ...rest } = read;
  const withoutDuration = await admin.put(`${ROBOTS}/${id}`, rest);
  const after = (await admin.get(`${ROBOTS}/${id}`)).json();

  assert.equal(asStored.statusCode, 200);
  assert.equal(withoutDuration.statusCode, 200);
  assert.deepEqual({ ...after, update_time: read.update_time }, read);
});

test('the list has the robots of the registry or of one project, filtered and sorted', async (t) => {
  const app = await startApp(t);
  const { as, createProject } = app;
  await createProject('team');
  await createProject('other');
  const { project_id } = (await as('admin').get('/api/v2.0/projects/team')).json();
  for (const name of ['b', 'a', 'c']) {
    await createRobot(app, { name, permissions: [grant('team', 'quota:read')] });
  }
  await createRobot(app, { name: 'd', permissions: [grant('other', 'quota:read')] });
  await createRobot(app, { name: 'e', permissions: [grant('/', 'catalog:read')] });
  const ofTeam = `Level=project,ProjectID=${project_id}`;
  const rows: [query: string, names: string[] | number][] = [
    ['', ['robot$e']],
    ['q=Level=system', ['robot$e']],
    [`q=${ofTeam}`, ['robot$team+a', 'robot$team+b', 'robot$team+c']],
    [`q=${ofTeam}&sort=-name&page_size=2`, ['robot$team+c', 'robot$team+b']],
    [`q=${ofTeam},name=~B`, ['robot$team+b']],
    [`q=${ofTeam},name=team%2Bb`, ['robot$team+b']],
    [`q=${ofTeam},creator_type=robot`, []],
    [`q=${ofTeam},unknown=1&sort=creation_time`, ['robot$team+b', 'robot$team+a', 'robot$team+c']],
    ['q=Level=project', 400],
    ['q=Level=project,ProjectID=team', 400],
    ['q=Level=project,ProjectID=~1', 400],
    ['q=Level=project,ProjectID=999999', 404],
    ['q=Level=user', 400],
    ['q=Level={project system}', 400],
    ['q=duration=x', 400],
  ];

  for (const [query, wanted] of rows) {
    const reply = await as('admin').get(`${ROBOTS}?${query}`);

    const found =
      reply.statusCode === 200
        ? reply.json().map(({ name }: { name: string }) => name)
        : reply.statusCode;
    assert.deepEqual(found, wanted, query);
  }
  const page = await as('admin').get(`${ROBOTS}?q=${ofTeam}&page_size=2`);
  assert.equal(page.headers['x-total-count'], '3');
  assert.match(String(page.headers.link), /page=2/);
});

test('a project that is in the trash takes its robots out of sight, and brings them back', async (t) => {
  const app = await startApp(t);
  await app.createProject('team');
  await app.createProject('other');
  const admin = app.as('admin');
  const robot = await createRobot(app, {
    name: 'ci',
    permissions: [grant('team', 'repository:pull')],
  });
  const wide = await createRobot(app, {
    name: 'wide',
    permissions: [grant('team', 'quota:read'), grant('other', 'quota:read')],
  });
  const namespaces = async () =>
    (await admin.get(`${ROBOTS}/${wide.id}`))
      .json()
      .permissions.map(({ namespace }: { namespace: string }) => namespace);

  await admin.delete('/api/v2.0/projects/team');
  await app.createProject('team');
  const signedIn = await robot.get('/v2/');
  const read = await admin.get(`${ROBOTS}/${robot.id}`);
  const without = await namespaces();
  const shown = (await admin.get(`${ROBOTS}/${wide.id}`)).json();
  must(await admin.put(`${ROBOTS}/${wide.id}`, { ...shown, description: 'changed' }), 200);
  const [deletion] = (await admin.get('/api/v2.0/trash')).json();
  must(await admin.post(`/api/v2.0/trash/${deletion.id}/restore`, { new_name: 'back' }), 200);
  const restored = (await admin.get(`${ROBOTS}/${robot.id}`)).json();
  const again = await app.app.inject({
    url: '/v2/back/app/tags/list',
    headers: { authorization: `Basic ${btoa(`${restored.name}:${robot.secret}`)}` },
  });

  assert.equal(signedIn.statusCode, 401);
  assert.equal(read.statusCode, 404);
  assert.deepEqual(without, ['other']);
  assert.equal(restored.name, 'robot$back+ci');
  assert.equal(again.json().errors[0].code, 'NAME_UNKNOWN');
  assert.deepEqual(await namespaces(), ['back', 'other']);
});

test('what is done to robots, and by them, is in the audit log with their names', async (t) => {
  const app = await startApp(t);
  const admin = app.as('admin');
  const robot = await createRobot(app, {
    name: 'ops',
    permissions: [
      grant('/', 'project:create', 'robot:create', 'catalog:read'),
      grant('*', 'quota:read'),
    ],
  });

  must(await robot.post('/api/v2.0/projects', { project_name: 'made' }), 201);
  await createRobot(app, { name: 'child', permissions: [grant('*', 'quota:read')] }, robot);
  must(await admin.patch(`${ROBOTS}/${robot.id}`, {}), 200);
  must(await admin.delete(`${ROBOTS}/${robot.id}`), 200);
  const rows = await app.platform.db
    .selectFrom('event_outbox')
    .select(['type', 'actor', 'subject', 'after'])
    .orderBy('id')
    .execute();

  assert.deepEqual(
    rows.map(({ type, actor, subject }) => [type, actor, subject]),
    [
      ['robot.created', 'admin', { robot: 'robot$ops' }],
      ['project.created', 'robot$ops', { project: 'made' }],
      ['robot.created', 'robot$ops', { robot: 'robot$child' }],
      ['robot.updated', 'admin', { robot: 'robot$ops' }],
      ['robot.deleted', 'admin', { robot: 'robot$ops' }],
    ],
  );
  assert.doesNotMatch(JSON.stringify(rows), new RegExp(robot.secret));
});

test('a project that a robot makes belongs to the first administrator', async () => {
  const app = await share();
  const maker = await createRobot(app, {
    name: 'maker',
    permissions: [grant('/', 'project:create')],
  });

  must(await maker.post('/api/v2.0/projects', { project_name: 'by-robot' }), 201);

  const project = (await app.as('admin').get('/api/v2.0/projects/by-robot')).json();
  assert.equal(project.owner_name, 'admin');
  assert.equal((await maker.get('/api/v2.0/projects/by-robot')).statusCode, 403);
});
