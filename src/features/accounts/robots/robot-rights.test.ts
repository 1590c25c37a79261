import assert from 'node:assert/strict';
import { before, test } from 'node:test';

import { must, pushImage } from '../../../../test/harness/registry.ts';
import {
  createRobot,
  grant,
  ROBOTS,
  type RobotWish,
  type TestRobot,
} from '../../../../test/harness/robots.ts';
import { shareApp } from '../../../../test/harness/share-app.ts';
import { bearer } from '../../../../test/harness/tokens.ts';
import type { TestApp } from '../../../../test/harness.ts';

type Permissions = RobotWish['permissions'];

const share = shareApp();
let app: TestApp;
let made = 0;

before(async () => {
  app = await share();
  for (const project of ['red', 'blue', 'green']) await app.createProject(project);
  for (const project of ['red', 'blue', 'library']) {
    await pushImage(app.as('admin'), `${project}/app`, '1');
  }
});

const create = (permissions: Permissions, maker?: TestRobot) =>
  createRobot(app, { name: `r${++made}`, permissions }, maker);

const pull = (robot: TestRobot, project: string) => robot.get(`/v2/${project}/app/manifests/1`);
const push = (robot: TestRobot, project: string) => robot.post(`/v2/${project}/app/blobs/uploads/`);

const PUSH = 'repository:push';
const PULL = 'repository:pull';

const WHERE: [what: string, permissions: Permissions, pulls: string[], pushes: string[]][] = [
  ['to pull from its project', [grant('red', PULL)], ['red', 'library'], []],
  ['to push to its project', [grant('red', PUSH)], ['red', 'library'], ['red']],
  [
    'to push, of the registry',
    [grant('red', PUSH), grant('blue', PULL)],
    ['blue', 'library'],
    ['red'],
  ],
  ['to pull from all', [grant('*', PULL)], ['red', 'blue', 'library'], []],
  [
    'to pull from all but one',
    [grant('*', PULL, PUSH), grant('red', `!${PULL}`)],
    ['blue', 'library'],
    ['red', 'blue', 'library'],
  ],
  ['that is denied what it is given', [grant('red', PULL, `!${PULL}`)], ['library'], []],
  ['that is denied pulls', [grant('red', PUSH, `!${PULL}`)], ['library'], ['red']],
  ['for the system only', [grant('/', 'catalog:read')], ['library'], []],
];

test('a robot does what it was given where it was given it, and nothing elsewhere', async () => {
  for (const [what, permissions, pulls, pushes] of WHERE) {
    const robot = await create(permissions);

    for (const project of ['red', 'blue', 'library']) {
      const pulled = (await pull(robot, project)).statusCode;
      const pushed = (await push(robot, project)).statusCode;
      const scope = `repository:${project}/app:pull,push`;
      const { token } = (await robot.get(`/service/token?scope=${scope}`)).json();
      const manifest = `/v2/${project}/app/manifests/1`;
      const withToken = await app.as('anonymous').get(manifest, bearer(token));

      assert.equal(pulled, pulls.includes(project) ? 200 : 401, `${what}: pull ${project}`);
      assert.equal(withToken.statusCode, pulled, `${what}: pull ${project} with a token`);
      assert.equal(pushed, pushes.includes(project) ? 202 : 401, `${what}: push ${project}`);
    }
  }
});

test('a robot is shown the projects in which it has any right, and the public ones', async () => {
  const list = async (permissions: Permissions) => {
    const robot = await create(permissions);
    const projects = (await robot.get('/api/v2.0/projects')).json();
    return projects.map(({ name }: { name: string }) => name);
  };

  assert.deepEqual(await list([grant('red', PULL)]), ['library', 'red']);
  assert.deepEqual(await list([grant('*', PULL)]), ['blue', 'green', 'library', 'red']);
  assert.deepEqual(await list([grant('/', 'project:list')]), ['blue', 'green', 'library', 'red']);
  assert.deepEqual(await list([grant('/', 'catalog:read')]), ['library']);
});

test('the catalog has what a robot may pull, or everything if it may read that', async () => {
  const list = async (...permissions: Permissions) =>
    (await (await create(permissions)).get('/v2/_catalog')).json().repositories;

  assert.deepEqual(await list(grant('red', PULL)), ['library/app', 'red/app']);
  assert.deepEqual(await list(grant('*', PULL), grant('red', `!${PULL}`)), [
    'blue/app',
    'library/app',
  ]);
  assert.deepEqual(await list(grant('/', 'catalog:read')), ['blue/app', 'library/app', 'red/app']);
});

test('a robot mounts blobs from where it may pull, and from nowhere else', async () => {
  const robot = await create([grant('green', PUSH), grant('red', PULL)]);
  const other = await create([grant('green', PUSH)]);
  const { config } = (await app.as('admin').get('/v2/red/app/manifests/1')).json();
  const mount = async (who: TestRobot, from: string) =>
    (await who.post(`/v2/green/app/blobs/uploads/?mount=${config.digest}${from}`)).statusCode;

  assert.equal(await mount(other, '&from=red/app'), 202);
  assert.equal(await mount(robot, '&from=red/app'), 201);
});

const MAKE = 'robot:create';
const SOME = 'quota:read';
const MAKERS: [what: string, maker: Permissions, wanted: Permissions, status: number][] = [
  ['its own rights', [grant('red', MAKE, SOME)], [grant('red', SOME)], 201],
  ['the right to make robots', [grant('red', MAKE)], [grant('red', MAKE)], 201],
  ['a right it lacks', [grant('red', MAKE)], [grant('red', SOME)], 403],
  ['rights elsewhere', [grant('red', MAKE, SOME)], [grant('blue', SOME)], 403],
  ['rights where there is nothing', [grant('red', MAKE, SOME)], [grant('nothing', SOME)], 403],
  ['rights, with none to make robots', [grant('red', SOME)], [grant('red', SOME)], 403],
  ['pulls for its pushes', [grant('red', MAKE, PUSH)], [grant('red', PULL)], 201],
  [
    'what a project’s robot has beyond its own push',
    [grant('*', MAKE, PUSH)],
    [grant('red', PUSH)],
    403,
  ],
  ['push and pull of its own', [grant('*', MAKE, PUSH, PULL)], [grant('red', PUSH)], 201],
  [
    'what it is denied',
    [grant('*', MAKE, SOME), grant('red', `!${SOME}`)],
    [grant('red', SOME)],
    403,
  ],
  [
    'all projects, denied one itself',
    [grant('/', MAKE), grant('*', SOME), grant('red', `!${SOME}`)],
    [grant('*', SOME)],
    403,
  ],
  [
    'one project of all',
    [grant('/', MAKE), grant('*', SOME)],
    [grant('red', SOME), grant('blue', SOME)],
    201,
  ],
  [
    'all projects for one',
    [grant('/', MAKE), grant('red', SOME), grant('blue', SOME)],
    [grant('*', SOME)],
    403,
  ],
  [
    'a project that is not there',
    [grant('/', MAKE), grant('red', SOME)],
    [grant('red', SOME), grant('nothing', SOME)],
    403,
  ],
  ['rights of the system', [grant('/', MAKE, 'user:list')], [grant('/', 'user:list')], 201],
  ['more of the system', [grant('/', MAKE)], [grant('/', 'user:list')], 403],
  ['the system, from a project', [grant('red', MAKE)], [grant('/', MAKE)], 403],
];

test('a robot gives another what it has itself, and nothing more', async () => {
  for (const [what, rights, permissions, status] of MAKERS) {
    const maker = await create(rights);
    const isOfProject = permissions.length === 1 && /^\w/.test(permissions[0]!.namespace);
    const level = isOfProject ? 'project' : 'system';

    const reply = await maker.post(ROBOTS, { name: `r${++made}`, level, duration: 1, permissions });

    assert.equal(reply.statusCode, status, `${what} ${reply.body}`);
    if (status !== 201) continue;
    const read = (await app.as('admin').get(String(reply.headers.location))).json();
    assert.deepEqual([read.creator_type, read.creator_ref], ['robot', maker.id], what);
  }
});

test('what a robot has made stays when it goes', async () => {
  const maker = await create([grant('red', MAKE, PULL)]);
  const child = await create([grant('red', PULL)], maker);

  must(await app.as('admin').delete(`${ROBOTS}/${maker.id}`), 200);

  assert.equal((await pull(child, 'red')).statusCode, 200);
});

test('a robot of one project is not there for those of another', async () => {
  await app.createUser('ann', { red: 1 });
  await app.createUser('bob', { blue: 1 });
  const robot = await create([grant('red', PULL)]);
  const stranger = await create([grant('blue', 'robot:read', 'robot:delete')]);
  const path = `${ROBOTS}/${robot.id}`;

  for (const who of [app.as('bob'), stranger]) {
    const replies = [
      await who.get(path),
      await who.put(path, (await app.as('ann').get(path)).json()),
      await who.patch(path, {}),
      await who.delete(path),
      await who.get(`${ROBOTS}/987654321`),
    ];
    assert.deepEqual(
      replies.map(({ statusCode }) => statusCode),
      [404, 404, 404, 404, 404],
    );
  }
  assert.equal((await pull(robot, 'red')).statusCode, 200);
});

test('a robot sees its own permissions', async () => {
  const robot = await create([grant('red', PUSH), grant('/', 'catalog:read')]);
  const { project_id } = (await app.as('admin').get('/api/v2.0/projects/red')).json();
  const list = async (scope: string) =>
    (await robot.get(`/api/v2.0/users/current/permissions?relative=true&scope=${scope}`)).json();

  assert.deepEqual(await list(`/project/${project_id}`), [
    { resource: 'repository', action: 'push' },
  ]);
  assert.deepEqual(await list('/system'), [{ resource: 'catalog', action: 'read' }]);
});

test('a robot never makes an administrator, nor sets a password', async () => {
  const robot = await create([grant('/', 'user:update', 'user:read', 'user:create')]);
  await app.createUser('eve');
  const { user_id } = (await app.as('eve').get('/api/v2.0/users/current')).json();
  const path = `/api/v2.0/users/${user_id}`;

  const read = await robot.get(path);
  const left = await robot.put(`${path}/sysadmin`, { sysadmin_flag: false });
  const raised = await robot.put(`${path}/sysadmin`, { sysadmin_flag: true });
  const changed = await robot.put('/api/v2.0/users/1/password', { new_password: 'Passw0rdOther' });

  assert.equal(read.json().username, 'eve');
  assert.equal(left.statusCode, 200);
  assert.equal(raised.statusCode, 412);
  assert.equal(changed.statusCode, 412);
});
