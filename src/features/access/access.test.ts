import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startApp } from '../../../test/harness.ts';

const PROJECT = '/api/v2.0/projects';

test('a private project and one that is not there look the same, except to an administrator', async (t) => {
  const { as, createUser, createProject } = await startApp(t);
  await createUser('ann');
  await createProject('secret');
  const message = async (name: string, path: string) =>
    (await as(name).get(path)).json().errors[0].message;

  for (const path of ['', '/members', '/members/1']) {
    const there = `${PROJECT}/secret${path}`;
    const missing = `${PROJECT}/nothing${path}`;

    assert.equal((await as('anonymous').get(there)).statusCode, 401, path);
    assert.equal((await as('anonymous').get(missing)).statusCode, 401, path);
    assert.equal((await as('ann').get(there)).statusCode, 403, path);
    assert.equal((await as('ann').get(missing)).statusCode, 403, path);
    assert.equal(await message('ann', there), await message('ann', missing));
    assert.equal((await as('admin').get(missing)).statusCode, 404, path);
  }
});

test('an id that belongs to another project is not found', async (t) => {
  const { as, createUser, createProject } = await startApp(t);
  await createProject('red');
  await createProject('blue');
  await createUser('ann', { red: 1 });
  await createUser('bob', { blue: 3 });
  const [bob] = (await as('admin').get(`${PROJECT}/blue/members?entityname=bob`)).json();
  const path = `${PROJECT}/red/members/${bob.id}`;

  const replies = [
    await as('ann').get(path),
    await as('ann').put(path, { role_id: 1 }),
    await as('ann').delete(path),
    await as('admin').get(path),
  ];

  assert.deepEqual(
    replies.map((reply) => reply.statusCode),
    [404, 404, 404, 404],
  );
  const after = await as('admin').get(`${PROJECT}/blue/members/${bob.id}`);
  assert.equal(after.json().role_id, 3);
});

test('a change of role counts at the next request', async (t) => {
  const { as, createUser, createProject } = await startApp(t);
  await createProject('team');
  await createUser('ann', { team: 1 });
  const [ann] = (await as('admin').get(`${PROJECT}/team/members?entityname=ann`)).json();
  const path = `${PROJECT}/team/members/${ann.id}`;
  const update = async () =>
    (await as('ann').put(`${PROJECT}/team`, { metadata: { public: 'false' } })).statusCode;

  const before = await update();
  await as('admin').put(path, { role_id: 4 });
  const asMaintainer = await update();
  await as('admin').delete(path);
  const removed = await as('ann').get(`${PROJECT}/team`);

  assert.equal(before, 200);
  assert.equal(asMaintainer, 403);
  assert.equal(removed.statusCode, 403);
});

/** The ids of the roles that may send the request. */
const REQUESTS: [method: 'get' | 'put' | 'post' | 'delete', path: string, allowed: number[]][] = [
  ['get', '/team', [1, 4, 2, 3, 5]],
  ['get', '/team/members', [1, 4, 2, 3]],
  ['get', '/team/members/1000', [1, 4, 2, 3]],
  ['put', '/team', [1]],
  ['post', '/team/members', [1]],
  ['put', '/team/members/1000', [1]],
  ['delete', '/team/members/1000', [1]],
];

test('each page of a project asks for the permission of the role table', async (t) => {
  const { as, createUser, createProject } = await startApp(t);
  await createProject('team');
  for (const role of [1, 2, 3, 4, 5]) await createUser(`role${role}`, { team: role });

  for (const [method, path, allowed] of REQUESTS) {
    for (const role of [1, 2, 3, 4, 5]) {
      const client = as(`role${role}`);
      const url = `${PROJECT}${path}`;

      const reply = await (method === 'put' || method === 'post'
        ? client[method](url, { role_id: 9 })
        : client[method](url));

      const wasAllowed = reply.statusCode !== 403;
      assert.equal(wasAllowed, allowed.includes(role), `role ${role}: ${method} ${path}`);
    }
  }
});

test('each caller sees what they may do', async (t) => {
  const { as, createUser, createProject } = await startApp(t);
  await createProject('team');
  await createUser('ann', { team: 1 });
  await createUser('bob', { team: 3 });
  await createUser('eve');
  const { project_id } = (await as('admin').get(`${PROJECT}/team`)).json();
  const list = async (who: string, query: string) => {
    const reply = await as(who).get(`/api/v2.0/users/current/permissions?${query}`);
    const permissions: { resource: string; action: string }[] = reply.json();
    return permissions.map(({ resource, action }) => `${resource} ${action}`);
  };
  const scope = `scope=/project/${project_id}`;

  assert.ok((await list('ann', scope)).includes(`/project/${project_id} delete`));
  assert.ok((await list('ann', scope)).includes(`/project/${project_id}/member create`));
  assert.ok((await list('ann', `${scope}/&relative=true`)).includes('. delete'));
  assert.ok((await list('bob', `${scope}&relative=true`)).includes('repository pull'));
  assert.ok(!(await list('bob', `${scope}&relative=true`)).includes('repository push'));
  assert.ok((await list('admin', `${scope}&relative=true`)).includes('. delete'));
  assert.deepEqual(await list('eve', scope), []);
  assert.deepEqual(await list('admin', 'scope=/project/99999'), []);
  assert.deepEqual(await list('admin', 'scope=/project/nothing'), []);
  assert.ok((await list('admin', 'scope=/system')).includes('/system/user create'));
  assert.ok((await list('admin', 'scope=/&relative=true')).includes('user create'));
  assert.deepEqual(await list('ann', 'scope=/system'), []);
});

test('what robots can have is shown to those who make them', async (t) => {
  const { as, createUser, createProject } = await startApp(t);
  await createProject('team');
  await createUser('ann', { team: 1 });
  await createUser('max', { team: 4 });
  const read = (who: string) => as(who).get('/api/v2.0/permissions');

  const admin = (await read('admin')).json();
  const ann = (await read('ann')).json();

  assert.ok(admin.system.some(({ resource }: { resource: string }) => resource === 'user-group'));
  assert.deepEqual(Object.keys(ann), ['project']);
  assert.deepEqual(ann.project, admin.project);
  assert.equal((await read('max')).statusCode, 403);
  assert.equal((await read('anonymous')).statusCode, 401);
});
