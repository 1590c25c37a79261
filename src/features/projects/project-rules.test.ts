import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startApp } from '../../../test/harness.ts';

const PROJECTS = '/api/v2.0/projects';

const FIT = ['a', '0', 'a.b_c-d', '1234', 'a'.repeat(255)];

test('a project has a name of lower-case words', async (t) => {
  const { as } = await startApp(t);

  for (const project_name of FIT) {
    const reply = await as('admin').post(PROJECTS, { project_name });
    assert.equal(reply.statusCode, 201, project_name);
  }
});

const UNFIT: [body: unknown, status: number][] = [
  [{ project_name: '' }, 400],
  [{ project_name: 'a'.repeat(256) }, 400],
  [{ project_name: 'Team' }, 400],
  [{ project_name: 'team/app' }, 400],
  [{ project_name: '..' }, 400],
  [{ project_name: 'a..b' }, 400],
  [{ project_name: '-a' }, 400],
  [{ project_name: 'a-' }, 400],
  [{ project_name: 'a b' }, 400],
  [{ project_name: 'a\n' }, 400],
  [{ project_name: 'a\0' }, 400],
  [{ project_name: 'ä' }, 400],
  [{}, 400],
  [{ project_name: null }, 422],
  [{ project_name: 1 }, 422],
  [{ project_name: ['a'] }, 422],
  [{ project_name: 'a', metadata: 'public' }, 422],
  [{ project_name: 'a', metadata: { public: true } }, 422],
  [{ project_name: 'a', metadata: { severity: 'extreme' } }, 400],
  [{ project_name: 'a', metadata: { retention_id: '7' } }, 400],
  [{ project_name: 'a', registry_id: 1 }, 400],
  [{ project_name: 'a', storage_limit: -2 }, 400],
  [{ project_name: 'a', storage_limit: 2 ** 50 + 1 }, 400],
  [{ project_name: 'a', storage_limit: '5' }, 422],
  [{ project_name: 'a', cve_allowlist: { items: [{}] } }, 400],
  [{ project_name: 'a', metadata: { public: 'maybe' } }, 400],
  [{ project_name: 'a', public: 'yes' }, 422],
  [{ project_name: 'library' }, 409],
  [[], 422],
  [undefined, 422],
];

test('a project that breaks a rule is refused, with the code that Harbor has for it', async (t) => {
  const { as } = await startApp(t);

  for (const [body, status] of UNFIT) {
    const reply = await as('admin').post(PROJECTS, body as object);
    assert.equal(reply.statusCode, status, `${JSON.stringify(body)} ${reply.body}`);
  }
  assert.equal((await as('admin').get(PROJECTS)).headers['x-total-count'], '1');
});

// Attack 1: mass assignment.
test('members of a body that are not for the client have no effect', async (t) => {
  const { as, createUser } = await startApp(t);
  await createUser('ann');
  const hostile = {
    project_id: 1,
    id: 1,
    owner_id: 1,
    owner_name: 'admin',
    current_user_role_id: 1,
    deleted_at: '2020-01-01T00:00:00Z',
    creation_time: '2020-01-01T00:00:00Z',
    storage_limit: -1,
    metadata: { public: 'false', retention_id: '', owner_id: 1 },
  };

  await as('ann').post(PROJECTS, { project_name: 'team', ...hostile });
  const changed = await as('ann').put(`${PROJECTS}/team`, { ...hostile, name: 'library' });
  const read = (await as('ann').get(`${PROJECTS}/team`)).json();

  assert.equal(changed.statusCode, 200);
  assert.notEqual(read.project_id, 1);
  assert.equal(read.owner_name, 'ann');
  assert.deepEqual(read.metadata, { public: 'false' });
  assert.ok(new Date(read.creation_time).getFullYear() > 2020);
});

test('a project is public when metadata or the older member says so', async (t) => {
  const { as } = await startApp(t);
  const isPublic = async (project_name: string, body: object) => {
    await as('admin').post(PROJECTS, { project_name, ...body });
    return (await as('admin').get(`${PROJECTS}/${project_name}`)).json().metadata.public;
  };

  assert.equal(await isPublic('a', {}), 'false');
  assert.equal(await isPublic('b', { public: true }), 'true');
  assert.equal(await isPublic('c', { public: null }), 'false');
  assert.equal(await isPublic('d', { metadata: { public: 'true' } }), 'true');
  assert.equal(await isPublic('e', { public: true, metadata: { public: 'false' } }), 'false');
  assert.equal(await isPublic('f', { public: true, metadata: {} }), 'true');
});

const PATHS: [path: string, status: number][] = [
  ['/%00', 400],
  ['/lib%00rary', 400],
  ['/library%20', 404],
  ['/LIBRARY', 404],
  ['/0', 404],
  ['/-1', 404],
  ['/99999999999999999999', 404],
  ['/999999999999999', 404],
  ['/1%20or%201=1', 404],
  ['/..%2f..%2fetc', 404],
  ['/%2e%2e', 404],
  [`/${'a'.repeat(1000)}`, 404],
  ['/%zz', 400],
  ['/library/members/99999999999999999999', 422],
  ['/library/members/%00', 422],
  ['/library/members?entityname=%00', 400],
  ["/library/members?entityname=' or 1=1", 200],
  ['?page=1000000000', 200],
  ['?page=1000000001', 422],
  ['?page_size=101', 422],
  ['?page_size=1e1', 422],
  ['?public=maybe', 422],
  ['?name=%00', 400],
  ['?name=a&name=b', 422],
  ['?name[]=a', 200],
  ['?q=%7B%7D', 400],
  ['?q=name%3D~a%2C(((', 400],
  ['?sort=-password', 200],
  ['?__proto__=x&constructor=y', 200],
];

test('hostile paths and queries are answered, and never with 500', async (t) => {
  const { as } = await startApp(t);

  for (const [path, status] of PATHS) {
    const reply = await as('admin').get(`${PROJECTS}${path}`);
    assert.equal(reply.statusCode, status, `${path} ${reply.body}`);
  }
});
