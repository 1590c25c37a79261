import assert from 'node:assert/strict';
import { test } from 'node:test';

import { sql } from 'kysely';

import { startApp } from '../../../test/harness.ts';
import { must, pushImage } from '../../../test/harness/registry.ts';

const PROJECTS = '/api/v2.0/projects';
const TEAM = `${PROJECTS}/team`;

test('metadata is set, read and unset key by key', async (t) => {
  const { as, createProject } = await startApp(t);
  await createProject('team');
  const admin = as('admin');
  const path = `${TEAM}/metadatas`;
  const all = async () => (await admin.get(`${path}/`)).json();

  const added = await admin.post(`${path}/`, { auto_scan: '1' });
  const again = await admin.post(`${path}/`, { auto_scan: 'false' });
  const changed = await admin.put(`${path}/severity`, { severity: 'HIGH' });
  const read = await admin.get(`${path}/severity`);
  const before = await all();
  const removed = await admin.delete(`${path}/auto_scan`);
  const privated = await admin.put(`${path}/public`, { public: 'true' });

  assert.deepEqual(
    [added, again, changed, removed, privated].map((reply) => reply.statusCode),
    [200, 409, 200, 200, 200],
  );
  assert.equal(added.body, '');
  assert.deepEqual(read.json(), { severity: 'high' });
  assert.deepEqual(before, { public: 'false', auto_scan: 'true', severity: 'high' });
  assert.deepEqual(await all(), { public: 'true', severity: 'high' });
  await admin.delete(`${path}/public`);
  assert.deepEqual(await all(), { public: 'false', severity: 'high' });
  assert.equal((await admin.get(`${path}/auto_scan`)).statusCode, 404);
  assert.deepEqual((await admin.get(TEAM)).json().metadata, await all());
});

const UNFIT: [
  method: 'post' | 'put' | 'delete' | 'get',
  key: string,
  body: unknown,
  status: number,
][] = [
  ['post', '', {}, 400],
  ['post', '', { auto_scan: 'true', severity: 'low' }, 400],
  ['post', '', { owner_id: '1' }, 400],
  ['post', '', { constructor: 'x' }, 400],
  ['post', '', { public: 'true' }, 409],
  ['post', '', { auto_scan: '' }, 400],
  ['post', '', { auto_scan: 'perhaps' }, 400],
  ['post', '', { auto_scan: true }, 422],
  ['post', '', { retention_id: '1' }, 400],
  ['put', 'severity', { auto_scan: 'true' }, 400],
  ['put', 'severity', { severity: 'low', auto_scan: 'true' }, 400],
  ['put', 'severity', {}, 400],
  ['put', 'nothing', { nothing: 'x' }, 400],
  ['put', 'toString', {}, 400],
  ['put', 'retention_id', { retention_id: '1' }, 400],
  ['delete', 'retention_id', undefined, 400],
  ['delete', 'nothing', undefined, 404],
  ['get', 'nothing', undefined, 404],
  ['get', 'constructor', undefined, 404],
];

test('metadata that is none is refused', async (t) => {
  const { as, createProject } = await startApp(t);
  await createProject('team');

  for (const [method, key, body, status] of UNFIT) {
    const reply = await as('admin')[method](`${TEAM}/metadatas/${key}`, body as never);
    assert.equal(
      reply.statusCode,
      status,
      `${method} ${key} ${JSON.stringify(body)} ${reply.body}`,
    );
  }
  assert.deepEqual((await as('admin').get(`${TEAM}/metadatas`)).json(), { public: 'false' });
});

test('two who change different metadata at once both succeed', async (t) => {
  const { as, createProject } = await startApp(t);
  await createProject('team');
  const given = { auto_scan: 'true', severity: 'low', prevent_vul: 'true', trash_days: '3' };

  await Promise.all(
    Object.entries(given).map(([key, value]) =>
      as('admin').put(`${TEAM}/metadatas/${key}`, { [key]: value }),
    ),
  );

  const { metadata } = (await as('admin').get(TEAM)).json();
  assert.deepEqual(metadata, { public: 'false', ...given });
});

test('a project has a CVE allowlist of its own, and the registry has one', async (t) => {
  const { as, createProject, createUser } = await startApp(t);
  await createProject('team');
  await createUser('ann', { team: 1 });
  const items = [{ cve_id: 'CVE-2026-1' }, { cve_id: 'CVE-2026-2' }];
  const expires_at = 1_900_000_000;
  const { project_id } = (await as('ann').get(TEAM)).json();

  const empty = (await as('ann').get(TEAM)).json().cve_allowlist;
  must(await as('ann').put(TEAM, { cve_allowlist: { project_id, items, expires_at } }), 200);
  const own = (await as('ann').get(TEAM)).json().cve_allowlist;
  must(await as('ann').put(TEAM, { metadata: { auto_scan: 'true' } }), 200);
  must(await as('admin').put('/api/v2.0/system/CVEAllowlist', { items: items.slice(1) }), 200);
  const system = (await as('ann').get('/api/v2.0/system/CVEAllowlist')).json();
  const listed = (await as('ann').get(`${PROJECTS}?name=team`)).json()[0].cve_allowlist;

  assert.deepEqual(empty.items, []);
  assert.equal(empty.project_id, project_id);
  assert.deepEqual(own.items, items);
  assert.equal(own.expires_at, expires_at);
  assert.equal(own.project_id, project_id);
  assert.deepEqual(listed, own);
  assert.deepEqual(system.items, items.slice(1));
  assert.equal(system.expires_at, undefined);
  assert.ok(!('project_id' in system));
  must(await as('ann').put(TEAM, { cve_allowlist: { items: [] } }), 200);
  assert.deepEqual((await as('ann').get(TEAM)).json().cve_allowlist.items, []);
});

const UNFIT_LISTS: [list: unknown, status: number][] = [
  [{ items: [{ cve_id: '' }] }, 400],
  [{ items: [{ cve_id: '  ' }] }, 400],
  [{ items: [{ cve_id: 'a' }, { cve_id: ' a' }] }, 400],
  [{ items: [{}] }, 400],
  [{ items: [{ cve_id: 'a\0' }] }, 400],
  [{ items: [{ cve_id: 'a'.repeat(256) }] }, 400],
  [{ items: Array.from({ length: 10_001 }, (_, n) => ({ cve_id: `CVE-${n}` })) }, 400],
  [{ items: 'CVE-1' }, 422],
  [{ items: [{ cve_id: 5 }] }, 422],
  [{ expires_at: -1 }, 400],
  [{ expires_at: 1e15 }, 400],
  [{ expires_at: 'soon' }, 422],
];

test('a CVE allowlist names vulnerabilities, each once', async (t) => {
  const { as, createUser, createProject } = await startApp(t);
  await createUser('ann');
  await createProject('team');
  const system = '/api/v2.0/system/CVEAllowlist';

  for (const [list, status] of UNFIT_LISTS) {
    const shown = JSON.stringify(list).slice(0, 100);
    assert.equal((await as('admin').put(system, list as object)).statusCode, status, shown);
    const reply = await as('admin').put(TEAM, { cve_allowlist: list });
    assert.equal(reply.statusCode, status, shown);
  }
  const foreign = await as('admin').put(TEAM, { cve_allowlist: { project_id: 1, items: [] } });
  assert.equal(foreign.statusCode, 400);
  assert.equal((await as('ann').put(system, { items: [] })).statusCode, 403);
  assert.equal((await as('anonymous').get(system)).statusCode, 401);
});

test('the summary tells as much as the caller may know', async (t) => {
  const { as, createProject, createUser } = await startApp(t);
  await createProject('team', true);
  await createUser('ann', { team: 1 });
  await createUser('bob', { team: 5 });
  await createUser('eve');
  const { bytes } = await pushImage(as('admin'), 'team/app', 'v1');
  const summary = async (who: string) => (await as(who).get(`${TEAM}/summary`)).json();
  const used = 2 + bytes.length;

  assert.deepEqual(await summary('ann'), {
    repo_count: 1,
    project_admin_count: 2,
    maintainer_count: 0,
    developer_count: 0,
    guest_count: 0,
    limited_guest_count: 1,
    quota: { hard: { storage: -1 }, used: { storage: used }, trash: { storage: 0 } },
  });
  assert.deepEqual(Object.keys(await summary('bob')), ['repo_count', 'quota']);
  assert.deepEqual(await summary('eve'), { repo_count: 1 });
  assert.deepEqual(await summary('anonymous'), { repo_count: 1 });
});

test('whether a project can be deleted is told before', async (t) => {
  const { as, createProject, createUser } = await startApp(t);
  await createProject('team');
  await createUser('ann', { team: 2 });
  const ask = async () => (await as('admin').get(`${TEAM}/_deletable`)).json();

  const empty = await ask();
  await pushImage(as('admin'), 'team/app', 'v1');
  const full = await ask();

  assert.deepEqual(empty, { deletable: true });
  assert.equal(full.deletable, false);
  assert.match(full.message, /1 repositor/);
  assert.equal((await as('ann').get(`${TEAM}/_deletable`)).statusCode, 403);
});

test('administrators give a new project its limit, all others get the default', async (t) => {
  const { as, createUser } = await startApp(t);
  await createUser('ann');
  const made = async (who: string, project_name: string, storage_limit?: number | null) => {
    must(await as(who).post(PROJECTS, { project_name, storage_limit }), 201);
    return (await as(who).get(`${PROJECTS}/${project_name}/summary`)).json().quota?.hard.storage;
  };
  const configure = async (settings: object) =>
    must(await as('admin').put('/api/v2.0/configurations', settings), 200);

  assert.equal(await made('admin', 'a', 500), 500);
  assert.equal(await made('admin', 'b', 0), -1);
  assert.equal(await made('ann', 'c', 500), -1);
  await configure({ storage_per_project: 1000 });
  assert.equal(await made('admin', 'd'), 1000);
  assert.equal(await made('admin', 'e', null), 1000);
  assert.equal(await made('admin', 'f', -1), -1);
  assert.equal(await made('ann', 'g', -1), 1000);
  await configure({ quota_per_project_enable: false });
  assert.equal(await made('admin', 'h', 500), undefined);
});

test('the list shows the roles of the caller, the owner asked for, and no metadata when not wanted', async (t) => {
  const { as, createProject, createUser } = await startApp(t);
  await createProject('team');
  await createUser('ann', { team: 4 });
  await as('ann').post(PROJECTS, { project_name: 'hers' });
  const list = async (query: string) => (await as('ann').get(`${PROJECTS}?${query}`)).json();

  const [hers, library, team] = await list('');
  const owned = await list('owner=ann');
  const [short] = await list('name=hers&with_detail=false');

  assert.deepEqual(
    [hers.current_user_role_id, library.current_user_role_id, team.current_user_role_ids],
    [1, undefined, [4]],
  );
  assert.equal(library.current_user_role_ids, null);
  assert.deepEqual(
    owned.map(({ name }: { name: string }) => name),
    ['hers'],
  );
  assert.deepEqual(await list('owner=an'), []);
  assert.equal(short.metadata, undefined);
  assert.equal(short.repo_count, 0);
});

test('who changed what in a project is in the feed, and nothing that stayed as it was', async (t) => {
  const { as, createProject, platform } = await startApp(t);
  await createProject('team');
  const events = async () => {
    const { rows } = await sql<{ before: object; after: object }>`
      select before, after from event_outbox where type = 'project.updated'
      union all select before, after from event where type = 'project.updated'`.execute(
      platform.db,
    );
    return rows;
  };

  await as('admin').put(TEAM, { metadata: { public: 'false' } });
  const unchanged = await events();
  await as('admin').put(TEAM, { metadata: { public: 'true', severity: 'low' } });

  assert.deepEqual(unchanged, []);
  assert.deepEqual(await events(), [
    { before: { public: 'false' }, after: { public: 'true', severity: 'low' } },
  ]);
});
