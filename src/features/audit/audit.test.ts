import assert from 'node:assert/strict';
import { test } from 'node:test';

import { sql } from 'kysely';

import { startApp } from '../../../test/harness.ts';
import {
  digestOf,
  imageManifest,
  mediaType,
  pushBlob,
  pushImage,
} from '../../../test/harness/registry.ts';
import { dispatching } from '../../platform/events/index.ts';

interface Entry {
  username: string;
  resource: string;
  resource_type: string;
  operation: string;
}

const short = ({ username, resource, resource_type, operation }: Entry) =>
  `${username} ${operation} ${resource_type} ${resource}`;

test('the log names who did what, newest first, a page at a time', async (t) => {
  const { as, platform } = await startApp(t);
  const admin = as('admin');
  const { digest } = await pushImage(admin, 'library/app', 'v1');
  await admin.delete('/v2/library/app/manifests/v1');
  await dispatching.run(platform, new AbortController().signal);

  const all = await admin.get('/api/v2.0/auditlog-exts');
  const page = await admin.get('/api/v2.0/auditlog-exts?page=2&page_size=1');

  const expected = [
    'admin delete tag library/app:v1',
    `admin create artifact library/app@${digest}`,
    'admin create tag library/app:v1',
  ];
  assert.deepEqual(all.json<Entry[]>().map(short), expected);
  assert.equal(all.headers['x-total-count'], '3');
  assert.deepEqual(page.json<Entry[]>().map(short), [expected[1]]);
  assert.match(String(page.headers.link), /rel="prev".*rel="next"/);
});

test('an entry tells from where and with what it was done, and what it was before', async (t) => {
  const { as, platform } = await startApp(t, {
    config: (values) => (values.trusted_proxies = ['127.0.0.1']),
  });
  const admin = as('admin');
  const headers = { 'user-agent': 'docker/28 (a, b)', 'x-forwarded-for': '192.0.2.7' };
  await admin.post('/api/v2.0/projects', { project_name: 'team' }, headers);
  const bytes = imageManifest();
  await pushBlob(admin, 'team/app', '{}');
  const type = { 'content-type': mediaType.OCI_IMAGE_MANIFEST, ...headers };
  await admin.put('/v2/team/app/manifests/v1', bytes, type);
  await dispatching.run(platform, new AbortController().signal);

  const log = await admin.get('/api/v2.0/auditlog-exts?sort=op_time,id');

  for (const entry of log.json()) {
    assert.equal(entry.address, '192.0.2.7');
    assert.equal(entry.client, 'docker/28 (a, b)');
    assert.equal(entry.operation_result, true);
  }
  const [, moved] = log.json();
  assert.deepEqual([moved.before, moved.after], [{ digest: null }, { digest: digestOf(bytes) }]);
});

const FILTERS: [query: string, ids: number[]][] = [
  ['', [6, 5, 4, 3, 2, 1]],
  ['sort=-op_time', [6, 5, 4, 3, 2, 1]],
  ['sort=op_time', [1, 2, 3, 4, 5, 6]],
  ['q=username=ann', [5, 4]],
  ['q=username=~ZOE', [6]],
  ['q=operation=delete', [5]],
  ['q=operation={delete pull}', [5, 4]],
  ['q=resource_type=artifact', [4, 2]],
  ['q=resource=team/app:v1', [5, 3]],
  ['q=resource=~TEAM/', [5, 4, 3, 2]],
  ['q=operation_result=false', [6]],
  ['q=address=192.0.2.9', [6]],
  ['q=op_time=[2026-01-02T00:00:00~2026-01-03T00:00:00]', [3, 2]],
  ['q=op_time=[2026-01-05~],username=ann', [5]],
  ['q=nobody_knows=1', [6, 5, 4, 3, 2, 1]],
  ['sort=username,-id', [3, 2, 1, 5, 4, 6]],
  ['sort=-resource', [6, 4, 2, 5, 3, 1]],
  ['page=2&page_size=4', [2, 1]],
  ['q=username=ann&page=2&page_size=1', [4]],
];

test('the log is filtered and sorted as Harbor has it', async (t) => {
  const { as, platform } = await startApp(t);
  const app = { repository: 'team/app' };
  const rows = [
    ['project.created', { project: 'team' }, 'admin'],
    ['artifact.pushed', { ...app, digest: 'sha256:1' }, 'admin'],
    ['tag.moved', { ...app, tag: 'v1' }, 'admin'],
    ['artifact.pulled', { ...app, digest: 'sha256:1' }, 'ann'],
    ['tag.deleted', { ...app, tag: 'v1' }, 'ann'],
    ['user.signed_in', { user: 'zoe.n' }, 'zoe.n', '192.0.2.9 curl/8', 'UNAUTHORIZED'],
  ];
  for (const [index, [type, subject, actor, client = '', result = null]] of rows.entries()) {
    await sql`insert into event_outbox (type, subject, actor, client, result, occurred_at) values (${type},
      ${JSON.stringify(subject)}::jsonb, ${actor}, ${client}, ${result}, ${`2026-01-0${index + 1}Z`})`.execute(
      platform.db,
    );
  }
  await dispatching.run(platform, new AbortController().signal);

  for (const [query, ids] of FILTERS) {
    const reply = await as('admin').get(`/api/v2.0/auditlog-exts?${query}`);
    assert.equal(reply.statusCode, 200, query);
    assert.deepEqual(
      reply.json().map(({ id }: { id: number }) => id),
      ids,
      query,
    );
    if (!query.includes('page=')) {
      assert.equal(reply.headers['x-total-count'], String(ids.length), query);
    }
  }
});

test('a filter that is no filter is refused', async (t) => {
  const { as } = await startApp(t);

  for (const q of ['username', 'op_time=yesterday', 'id=x', 'operation_result=maybe']) {
    const reply = await as('admin').get(`/api/v2.0/auditlog-exts?q=${q}`);
    assert.equal(reply.statusCode, 400, q);
  }
});

test('the number of many entries is an estimate that leads to all pages', async (t) => {
  const { as, platform } = await startApp(t);
  await sql`insert into event_outbox (type, subject, actor, client)
    select 'project.updated', '{"project": "team"}', case n % 40 when 0 then 'ann' else 'bob' end, ''
    from generate_series(1, 30000) n`.execute(platform.db);
  await dispatching.run(platform, new AbortController().signal);
  await sql`analyze event`.execute(platform.db);
  const ask = async (q: string) => {
    const { headers } = await as('admin').get(`/api/v2.0/auditlog-exts?page_size=100&${q}`);
    return { total: Number(headers['x-total-count']), link: String(headers.link) };
  };

  const [all, few, one] = [await ask(''), await ask('q=username=ann'), await ask('q=id=[1~9]')];
  const many = await ask('q=username=bob');
  const last = await ask('q=username=bob&page=293');
  const behind = await ask('q=username=bob&page=294');
  await sql`delete from event where actor = 'bob' and seq > 15000`.execute(platform.db);
  await sql`update pg_class set reltuples = 10 where relname like 'event_%'`.execute(platform.db);
  const underrated = await ask('q=username=bob&page=20');

  assert.deepEqual([all.total, few.total, one.total], [30_000, 750, 9]);
  assert.ok(many.total > 20_000 && many.total < 40_000, String(many.total));
  assert.equal(last.total, 29_250);
  assert.doesNotMatch(behind.link, /next/);
  assert.equal(underrated.total, 2001);
  assert.match(underrated.link, /page=21>; rel="next"/);
});

test('the old log has what was made, deleted and pulled, and the names of all types can be had', async (t) => {
  const { as, platform, createProject, createUser } = await startApp(t);
  await createProject('team');
  await createUser('ann', { team: 1 });
  await pushImage(as('admin'), 'team/app', 'v1');
  await as('admin').put('/api/v2.0/projects/team', { metadata: { public: 'true' } });
  await dispatching.run(platform, new AbortController().signal);

  const log = await as('ann').get('/api/v2.0/projects/team/logs?sort=id');
  const all = await as('ann').get('/api/v2.0/audit-logs');
  const types = await as('admin').get('/api/v2.0/auditlog-exts/events');

  assert.deepEqual(
    log.json<Entry[]>().map(({ operation, resource_type }) => `${operation} ${resource_type}`),
    ['create project', 'create tag', 'create artifact'],
  );
  assert.deepEqual(all.json(), log.json().toReversed());
  assert.deepEqual(Object.keys(log.json()[0]).toSorted(), [
    'id',
    'op_time',
    'operation',
    'resource',
    'resource_type',
    'username',
  ]);
  assert.ok(
    types.json().some((row: object) => 'event_type' in row && row.event_type === 'create_artifact'),
  );
  assert.equal((await as('ann').get('/api/v2.0/auditlog-exts/events')).statusCode, 403);
});

test('the log of a project is for its administrators, the whole log shows what one may read', async (t) => {
  const { as, platform, createProject, createUser } = await startApp(t);
  for (const name of ['team', 'other']) {
    await createProject(name);
    await pushImage(as('admin'), `${name}/app`, 'v1');
  }
  await createUser('ann', { team: 1, other: 4 });
  await createUser('bob', { team: 2 });
  await dispatching.run(platform, new AbortController().signal);
  const read = async (user: string, path: string) => {
    const reply = await as(user).get(`/api/v2.0${path}`);
    return reply.statusCode === 200
      ? [...new Set(reply.json<Entry[]>().map(({ resource }) => resource.split('/')[0]))]
      : reply.statusCode;
  };

  assert.deepEqual(await read('ann', '/projects/team/auditlog-exts'), ['team']);
  assert.equal(await read('ann', '/projects/other/auditlog-exts'), 403);
  assert.equal(await read('bob', '/projects/team/auditlog-exts'), 403);
  assert.deepEqual(await read('ann', '/auditlog-exts'), ['team']);
  assert.deepEqual(await read('bob', '/auditlog-exts'), []);
  assert.equal(await read('anonymous', '/auditlog-exts'), 401);
});

test('projects, members and users are written down, and what was refused is not', async (t) => {
  const { as, platform, createProject, createUser } = await startApp(t);
  const admin = as('admin');
  await createProject('team');
  await createUser('ann', { team: 2 });
  const [member] = (await admin.get('/api/v2.0/projects/team/members?entityname=ann')).json();
  const path = `/api/v2.0/projects/team/members/${member.id}`;

  await admin.put(path, { role_id: 4 });
  await admin.put(path, { role_id: 99 });
  await admin.delete(path);
  await admin.delete(path);
  await admin.put('/api/v2.0/projects/team', { metadata: { public: 'true' } });
  await admin.delete(`/api/v2.0/users/${member.entity_id}`);
  await admin.delete('/api/v2.0/projects/team');
  await dispatching.run(platform, new AbortController().signal);
  const log = await admin.get('/api/v2.0/auditlog-exts?page_size=100');

  assert.deepEqual(log.json<Entry[]>().map(short), [
    'admin delete project team',
    'admin delete user ann',
    'admin update project team',
    'admin delete member team/ann',
    'admin update member team/ann',
    'admin create member team/ann',
    'admin create user ann',
    'admin create project team',
  ]);
});
