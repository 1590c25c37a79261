import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startApp, type TestApp } from '../../../../test/harness.ts';

const GROUPS = '/api/v2.0/usergroups';
const devs = { group_name: 'devs', group_type: 3 };

/** Says that the user is in the group, as a sign-in through a provider would. */
async function putInto({ as, platform }: TestApp, username: string, location: string) {
  const { user_id } = (await as(username).get('/api/v2.0/users/current')).json();
  await platform.db
    .insertInto('user_group_member')
    .values({ user_id, group_id: Number(location.split('/').at(-1)) })
    .execute();
}

test('an administrator makes, renames, finds and deletes groups', async (t) => {
  const { as } = await startApp(t);
  const dn = ' CN=Ops,OU=Groups,DC=example,DC=com ';
  const ops = { group_name: 'ops', group_type: 1, ldap_group_dn: dn };

  const made = await as('admin').post(GROUPS, { ...devs, id: 4711 });
  await as('admin').post(GROUPS, ops);
  const location = made.headers.location!;
  const renamed = await as('admin').put(location, { group_name: 'developers', group_type: 1 });
  const read = (await as('admin').get(location)).json();
  const list = await as('admin').get(GROUPS);
  const byDn = await as('admin').get(`${GROUPS}?ldap_group_dn=${encodeURIComponent(dn)}`);
  const byName = await as('admin').get(`${GROUPS}?group_name=EVEL&ldap_group_dn=`);
  const deleted = await as('admin').delete(location);

  assert.equal(made.statusCode, 201);
  assert.match(location, /^\/api\/v2\.0\/usergroups\/\d+$/);
  assert.equal(renamed.statusCode, 200);
  const { id, ...rest } = read;
  assert.ok(location.endsWith(`/${id}`));
  assert.deepEqual(rest, { group_name: 'developers', group_type: 3 });
  assert.equal(list.headers['x-total-count'], '2');
  assert.deepEqual(
    byDn.json().map(({ id: _, ...group }: { id: number }) => group),
    [{ group_name: 'ops', group_type: 1, ldap_group_dn: dn.trim().toLowerCase() }],
  );
  assert.deepEqual(byName.json(), [read]);
  assert.equal(deleted.statusCode, 200);
  for (const reply of [
    await as('admin').get(location),
    await as('admin').put(location, { group_name: 'again' }),
    await as('admin').delete(location),
  ]) {
    assert.equal(reply.statusCode, 404);
  }
});

const UNFIT: [body: unknown, status: number][] = [
  [{ ...devs, group_name: '' }, 400],
  [{ ...devs, group_name: 'x'.repeat(256) }, 400],
  [{ ...devs, group_name: 'a\0' }, 400],
  [{ ...devs, group_name: 'a\nb' }, 400],
  [{ ...devs, group_name: undefined }, 400],
  [{ ...devs, group_name: 7 }, 422],
  [{ ...devs, group_type: 0 }, 400],
  [{ ...devs, group_type: 4 }, 400],
  [{ ...devs, group_type: '1' }, 422],
  [{ ...devs, group_type: undefined }, 400],
  [{ ...devs, group_type: 1 }, 400],
  [{ ...devs, group_type: 1, ldap_group_dn: ' ' }, 400],
  [{ ...devs, ldap_group_dn: 'cn=devs' }, 400],
  [{ ...devs, group_type: 1, ldap_group_dn: 'cn=\0' }, 400],
  [[], 422],
  [undefined, 422],
];

test('a group that breaks a rule is refused', async (t) => {
  const { as } = await startApp(t);

  for (const [body, status] of UNFIT) {
    const reply = await as('admin').post(GROUPS, body as object);

    assert.equal(reply.statusCode, status, `${JSON.stringify(body)} ${reply.body}`);
  }
  assert.equal((await as('admin').get(GROUPS)).body, '[]');
});

test('of two groups made at once with one name, or one DN, there is one', async (t) => {
  const { as } = await startApp(t);
  const ops = { group_type: 1, ldap_group_dn: 'cn=ops' };
  const statuses = async (bodies: object[]) => {
    const replies = await Promise.all(bodies.map((body) => as('admin').post(GROUPS, body)));
    return replies.map(({ statusCode }) => statusCode).toSorted();
  };

  assert.deepEqual(await statuses([devs, devs, { ...devs, group_type: 2 }]), [201, 201, 409]);
  assert.deepEqual(
    await statuses([
      { ...ops, group_name: 'ops' },
      { ...ops, group_name: 'operators', ldap_group_dn: 'CN=ops' },
    ]),
    [201, 409],
  );
  const [{ id }] = (await as('admin').get(`${GROUPS}?group_name=op`)).json();
  assert.equal((await as('admin').put(`${GROUPS}/${id}`, { group_name: 'devs' })).statusCode, 200);
  assert.equal((await as('admin').put(`${GROUPS}/${id}`, { group_name: 'ops' })).statusCode, 200);
});

test('whoever is signed in finds groups by name, the shortest first', async (t) => {
  const { as, createUser } = await startApp(t);
  await createUser('ann');
  for (const group_name of ['webdevs', 'devs', 'Developers', 'ops']) {
    await as('admin').post(GROUPS, { ...devs, group_name });
  }

  const found = await as('ann').get(`${GROUPS}/search?groupname=DEV&page_size=2`);
  const none = await as('ann').get(`${GROUPS}/search?groupname=%25`);
  const statuses = [
    (await as('ann').get(`${GROUPS}/search`)).statusCode,
    (await as('ann').get(`${GROUPS}/search?groupname=`)).statusCode,
    (await as('anonymous').get(`${GROUPS}/search?groupname=dev`)).statusCode,
    (await as('ann').get(GROUPS)).statusCode,
    (await as('ann').post(GROUPS, devs)).statusCode,
  ];

  assert.deepEqual(
    found.json().map(({ group_name }: typeof devs) => group_name),
    ['devs', 'webdevs'],
  );
  assert.deepEqual(Object.keys(found.json()[0]), ['id', 'group_name', 'group_type']);
  assert.equal(found.headers['x-total-count'], '3');
  assert.deepEqual(none.json(), []);
  assert.deepEqual(statuses, [422, 422, 401, 403, 403]);
});

test('who is in a group may what the group may, as long as they are in it and it is there', async (t) => {
  const started = await startApp(t);
  const { as, platform, createUser, createProject } = started;
  await createProject('team');
  await createUser('ann');
  const { location } = (await as('admin').post(GROUPS, devs)).headers;
  await putInto(started, 'ann', location!);
  const member = { role_id: 2, member_group: { group_name: 'devs', group_type: 3 } };
  const see = async () => (await as('ann').get('/api/v2.0/projects/team')).statusCode;
  const listed = async () => (await as('ann').get('/api/v2.0/projects?name=team')).json().length;

  const before = [await see(), await listed()];
  const added = await as('admin').post('/api/v2.0/projects/team/members', member);
  const during = [await see(), await listed()];
  const upload = await as('ann').post('/v2/team/app/blobs/uploads/');
  await platform.db.deleteFrom('user_group_member').execute();
  const left = [await see(), await listed()];
  await putInto(started, 'ann', location!);
  const back = [await see(), await listed()];
  await as('admin').delete(location!);
  const gone = [await see(), await listed()];

  assert.equal(added.statusCode, 201);
  assert.equal(upload.statusCode, 202);
  assert.deepEqual(
    { before, during, left, back, gone },
    {
      before: [403, 0],
      during: [200, 1],
      left: [403, 0],
      back: [200, 1],
      gone: [403, 0],
    },
  );
});

test('the strongest of the roles one has counts, by oneself and in groups', async (t) => {
  const started = await startApp(t);
  const { as, createUser, createProject } = started;
  await createProject('team');
  await createUser('ann', { team: 3 });
  for (const [index, group_name] of ['one', 'two', 'three'].entries()) {
    const { location } = (await as('admin').post(GROUPS, { ...devs, group_name })).headers;
    await putInto(started, 'ann', location!);
    const role_id = [5, 4, 4][index];
    const member = { role_id, member_group: { id: Number(location!.split('/').at(-1)) } };
    await as('admin').post('/api/v2.0/projects/team/members', member);
  }

  const project = (await as('ann').get('/api/v2.0/projects/team')).json();

  assert.equal(project.current_user_role_id, 4);
  assert.deepEqual(project.current_user_role_ids.toSorted(), [3, 4, 5]);
});
