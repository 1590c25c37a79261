import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startApp } from '../../../test/harness.ts';

const MEMBERS = '/api/v2.0/projects/team/members';

test('a member is added, read, changed and removed', async (t) => {
  const { as, createUser, createProject } = await startApp(t);
  await createProject('team');
  await createUser('ann');
  const project = (await as('admin').get('/api/v2.0/projects/team')).json();
  const user = (await as('ann').get('/api/v2.0/users/current')).json();

  const made = await as('admin').post(MEMBERS, { role_id: 2, member_user: { username: 'ANN' } });
  const read = await as('ann').get(made.headers.location!);
  const changed = await as('admin').put(made.headers.location!, { role_id: 4 });
  const after = await as('ann').get(made.headers.location!);
  const removed = await as('admin').delete(made.headers.location!);
  const gone = await as('admin').get(made.headers.location!);

  assert.equal(made.statusCode, 201);
  assert.equal(made.body, '');
  assert.deepEqual(read.json(), {
    id: Number(made.headers.location!.split('/').at(-1)),
    project_id: project.project_id,
    entity_id: user.user_id,
    entity_name: 'ann',
    entity_type: 'u',
    role_id: 2,
    role_name: 'developer',
  });
  assert.equal(changed.statusCode, 200);
  assert.equal(after.json().role_name, 'maintainer');
  assert.equal(removed.statusCode, 200);
  assert.equal(gone.statusCode, 404);
});

test('a member named by id and name is one user, or refused', async (t) => {
  const { as, createUser, createProject } = await startApp(t);
  await createProject('team');
  await createUser('ann');
  await createUser('bob');
  const { user_id } = (await as('ann').get('/api/v2.0/users/current')).json();
  const add = (member_user: object) => as('admin').post(MEMBERS, { role_id: 2, member_user });

  const contradicting = await add({ user_id, username: 'bob' });
  const agreeing = await add({ user_id, username: 'Ann' });
  const members = (await as('admin').get(MEMBERS)).json();

  assert.equal(contradicting.statusCode, 400);
  assert.equal(agreeing.statusCode, 201);
  assert.deepEqual(
    members.map(({ entity_name }: { entity_name: string }) => entity_name),
    ['admin', 'ann'],
  );
});

test('the list of members is in the order of names, filtered by a part of them', async (t) => {
  const { as, createUser, createProject } = await startApp(t);
  await createProject('team');
  for (const name of ['bob', 'Äva', 'ann']) await createUser(name, { team: 3 });
  const names = async (query: string) =>
    (await as('ann').get(`${MEMBERS}${query}`))
      .json()
      .map(({ entity_name }: { entity_name: string }) => entity_name);

  assert.deepEqual(await names(''), ['admin', 'ann', 'bob', 'Äva']);
  assert.deepEqual(await names('?entityname=N'), ['admin', 'ann']);
  assert.deepEqual(await names(`?entityname=${encodeURIComponent('Ä')}`), ['Äva']);
  assert.deepEqual(await names('?page=2&page_size=3'), ['Äva']);
});

const GROUPS: object[] = [
  { group_name: 'devs' },
  { group_name: 'devs', group_type: 3, id: 0, ldap_group_dn: '' },
  { ldap_group_dn: 'CN=Ops' },
  { group_name: 'whatever', ldap_group_dn: 'cn=ops', group_type: 1 },
];

test('a member may be a group, named as clients do', async (t) => {
  const { as, createProject, platform } = await startApp(t);
  await createProject('team');
  const ops = { group_name: 'ops', group_type: 1, ldap_group_dn: 'cn=ops' };
  await as('admin').post('/api/v2.0/usergroups', { group_name: 'devs', group_type: 3 });
  await as('admin').post('/api/v2.0/usergroups', ops);

  for (const member_group of GROUPS) {
    const body = { role_id: 2, member_group, member_user: null };
    const made = await as('admin').post(MEMBERS, body);
    const again = await as('admin').post(MEMBERS, body);
    const { entity_type, entity_name } = (await as('admin').get(made.headers.location!)).json();
    const found = await as('admin').get(`${MEMBERS}?entityname=${entity_name}`);
    const changed = await as('admin').put(made.headers.location!, { role_id: 3 });
    const removed = await as('admin').delete(made.headers.location!);

    assert.equal(made.statusCode, 201, JSON.stringify(member_group));
    assert.equal(again.statusCode, 409);
    assert.equal(entity_type, 'g');
    assert.equal(found.headers['x-total-count'], '1');
    assert.equal(changed.statusCode, 200);
    assert.equal(removed.statusCode, 200);
  }
  const events = await platform.db
    .selectFrom('event_outbox')
    .select('subject')
    .where('type', '=', 'project.member_removed')
    .execute();
  assert.deepEqual(events[0]!.subject, { project: 'team', user_group: 'devs' });
});

test('where users come by OpenID Connect a group that nobody has named is made with its first member', async (t) => {
  const { as, createProject, platform } = await startApp(t);
  for (const name of ['team', 'other']) await createProject(name);
  const add = (member_group: object, project = 'team') =>
    as('admin').post(`/api/v2.0/projects/${project}/members`, { role_id: 2, member_group });
  const devs = { group_name: 'devs', group_type: 3 };

  const before = await add(devs);
  await as('admin').put('/api/v2.0/configurations', { auth_mode: 'oidc_auth' });
  const both = await Promise.all([add(devs), add(devs, 'other')]);
  const others = [
    await add({ group_name: 'ops' }),
    await add({ group_name: 'ops', group_type: 2 }),
    await add({ ldap_group_dn: 'cn=ops' }),
    await add({ group_name: 'a\n', group_type: 3 }),
  ];

  assert.equal(before.statusCode, 404);
  assert.deepEqual(
    [...both, ...others].map(({ statusCode }) => statusCode),
    [201, 201, 201, 404, 404, 400],
  );
  const groups = await as('admin').get('/api/v2.0/usergroups');
  assert.deepEqual(
    groups.json().map((group: typeof devs) => [group.group_name, group.group_type]),
    [
      ['devs', 3],
      ['ops', 3],
    ],
  );
  const events = await platform.db
    .selectFrom('event_outbox')
    .select('subject')
    .where('type', '=', 'user_group.created')
    .execute();
  assert.deepEqual(
    events.map(({ subject }) => subject),
    [{ user_group: 'devs' }, { user_group: 'ops' }],
  );
});

test('a deleted user is no member any more', async (t) => {
  const { as, createUser, createProject } = await startApp(t);
  await createProject('team');
  await createUser('ann', { team: 1 });
  const { user_id } = (await as('ann').get('/api/v2.0/users/current')).json();

  await as('admin').delete(`/api/v2.0/users/${user_id}`);

  assert.equal((await as('admin').get(MEMBERS)).headers['x-total-count'], '1');
});

const UNFIT: [body: unknown, status: number][] = [
  [{ role_id: 0, member_user: { username: 'ann' } }, 400],
  [{ role_id: 6, member_user: { username: 'ann' } }, 400],
  [{ role_id: 1.5, member_user: { username: 'ann' } }, 422],
  [{ role_id: '1', member_user: { username: 'ann' } }, 422],
  [{ member_user: { username: 'ann' } }, 400],
  [{ role_id: 1 }, 400],
  [{ role_id: 1, member_user: {} }, 400],
  [{ role_id: 1, member_user: null }, 400],
  [{ role_id: 1, member_user: [] }, 422],
  [{ role_id: 1, member_user: { user_id: 0, username: '' } }, 400],
  [{ role_id: 1, member_group: {} }, 400],
  [{ role_id: 1, member_group: { group_type: 3 } }, 400],
  [{ role_id: 1, member_group: { id: 4711 } }, 404],
  [{ role_id: 1, member_group: { group_name: 'nobody' } }, 404],
  [{ role_id: 1, member_group: { group_name: 'a\0' } }, 400],
  [{ role_id: 1, member_group: { ldap_group_dn: 'cn=nobody' } }, 404],
  [{ role_id: 1, member_group: { group_name: 'devs', group_type: 4 } }, 400],
  [{ role_id: 1, member_group: { group_name: 'devs', group_type: 2 } }, 404],
  [{ role_id: 1, member_group: { id: '1' } }, 422],
  [{ role_id: 7, member_group: { group_name: 'devs' } }, 400],
  [{ role_id: 1, member_user: { username: 'ann' }, member_group: { group_name: 'devs' } }, 400],
  [{ role_id: 1, member_user: { username: 'nobody' } }, 404],
  [{ role_id: 1, member_user: { username: 'a\0' } }, 400],
  [{ role_id: 1, member_user: { username: '' } }, 400],
  [{ role_id: 1, member_user: { user_id: 4711 } }, 404],
  [{ role_id: 1, member_user: { user_id: 1e20 } }, 400],
  [{ role_id: 1, member_user: { user_id: -1 } }, 400],
  [{ role_id: 1, member_user: { username: 'admin' } }, 409],
  ['text', 415],
];

test('a member that breaks a rule is refused', async (t) => {
  const { as, createUser, createProject } = await startApp(t);
  await createProject('team');
  await createUser('ann');
  await as('admin').post('/api/v2.0/usergroups', { group_name: 'devs', group_type: 3 });

  for (const [body, status] of UNFIT) {
    const reply = await as('admin').post(MEMBERS, body as object);
    assert.equal(reply.statusCode, status, `${JSON.stringify(body)} ${reply.body}`);
  }
});

// Attack 1: mass assignment.
test('members of a body that are not for the client have no effect', async (t) => {
  const { as, createUser, createProject } = await startApp(t);
  await createProject('team');
  await createUser('ann');
  const { project_id } = (await as('admin').get('/api/v2.0/projects/team')).json();
  const hostile = { project_id: 1, user_id: 1, entity_id: 1, id: 1, role_name: 'projectAdmin' };

  const member_user = { ...hostile, user_id: undefined, username: 'ann', role_id: 1 };
  const made = await as('admin').post(MEMBERS, { ...hostile, role_id: 3, member_user });
  await as('admin').put(made.headers.location!, { ...hostile, role_id: 5 });
  const read = (await as('admin').get(made.headers.location!)).json();

  assert.equal(read.project_id, project_id);
  assert.equal(read.entity_name, 'ann');
  assert.equal(read.role_name, 'limitedGuest');
});

test('who is deleted is no member any more, and the audit log says so for each project', async (t) => {
  const { as, createUser, createProject, platform } = await startApp(t);
  const admin = as('admin');
  for (const name of ['one', 'two']) await createProject(name);
  await createUser('ann', { one: 3, two: 1 });
  await createUser('bob', { one: 2 });
  const { user_id } = (await as('ann').get('/api/v2.0/users/current')).json();
  const group = { group_name: 'devs', group_type: 3 };
  const { location } = (await admin.post('/api/v2.0/usergroups', group)).headers;
  const member_group = { id: Number(location!.split('/').at(-1)) };
  await admin.post('/api/v2.0/projects/two/members', { role_id: 4, member_group });

  assert.equal((await admin.delete(`/api/v2.0/users/${user_id}`)).statusCode, 200);
  assert.equal((await admin.delete(location!)).statusCode, 200);

  const events = await platform.db
    .selectFrom('event_outbox')
    .select(['subject', 'before', 'actor'])
    .where('type', '=', 'project.member_removed')
    .orderBy('id')
    .execute();
  assert.deepEqual(events, [
    { subject: { project: 'one', user: 'ann' }, before: { role_id: 3 }, actor: 'admin' },
    { subject: { project: 'two', user: 'ann' }, before: { role_id: 1 }, actor: 'admin' },
    { subject: { project: 'two', user_group: 'devs' }, before: { role_id: 4 }, actor: 'admin' },
  ]);
  const rows = await platform.db.selectFrom('member').select('user_id').execute();
  assert.ok(rows.every((row) => row.user_id !== user_id));
  const left = (await admin.get('/api/v2.0/projects/one/members')).json();
  assert.deepEqual(
    left.map((member: { entity_name: string }) => member.entity_name),
    ['admin', 'bob'],
  );
});
