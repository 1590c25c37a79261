import assert from 'node:assert/strict';
import { test } from 'node:test';

import { sql } from 'kysely';

import { createRobot, grant } from '../../../test/harness/robots.ts';
import { startApp, type TestApp } from '../../../test/harness.ts';
import { dispatching } from '../../platform/events/index.ts';

const EXPORT = '/api/v2.0/auditlog-exts/export';

const dispatch = ({ platform }: TestApp) => dispatching.run(platform, new AbortController().signal);

/** Many at the same moment: time alone does not tell one from another. */
const tellMany = ({ platform }: TestApp, number: number) =>
  sql`insert into event_outbox (type, subject, actor, client, occurred_at)
    select 'project.updated', jsonb_build_object('project', 'team' || n), case n % 2 when 0 then 'ann' else 'bob' end,
      '192.0.2.7 curl/8', '2026-01-01Z'::timestamptz + (n / 3000) * interval '1 microsecond'
    from generate_series(1, ${number}::int) n`.execute(platform.db);

test('an export has every entry that meets the filter once, the newest first, and is written down', async (t) => {
  const app = await startApp(t);
  await tellMany(app, 7001);
  await dispatch(app);
  const admin = app.as('admin');

  const all = await admin.get(`${EXPORT}?format=jsonl`);
  const ofAnn = await admin.get(`${EXPORT}?format=jsonl&q=username=ann`);
  const ofNobody = await admin.get(`${EXPORT}?format=jsonl&q=username=nobody`);
  await dispatch(app);
  const [written] = (await admin.get('/api/v2.0/auditlog-exts?sort=id&q=id=[7002~7002]')).json();

  const ids = (body: string) =>
    body
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { id: number }).id);
  assert.deepEqual(
    ids(all.body),
    Array.from({ length: 7001 }, (_, index) => 7001 - index),
  );
  assert.equal(new Set(ids(ofAnn.body)).size, 3500);
  assert.equal(ofNobody.body, '');
  assert.equal(written.operation_description, 'export audit_log: audit_log');
  assert.deepEqual(written.after, { q: '', format: 'jsonl' });
});

test('a spreadsheet gets a file of lines, in which no user agent is a formula', async (t) => {
  const app = await startApp(t);
  const admin = app.as('admin');
  await admin.post(
    '/api/v2.0/projects',
    { project_name: 'team' },
    { 'user-agent': '=cmd|"/c calc"!A1' },
  );
  await dispatch(app);

  const reply = await admin.get(EXPORT);

  const [head, line, end] = reply.body.split('\r\n');
  assert.equal(reply.headers['content-type'], 'text/csv; charset=utf-8');
  assert.match(String(reply.headers['content-disposition']), /filename="audit-log\.csv"/);
  assert.match(head!, /^"id","op_time","username",/);
  assert.match(line!, /"team","done","127\.0\.0\.1","'=cmd\|""\/c calc""!A1"/);
  assert.equal(end, '');
});

test('an export holds what one may read, and a wrong filter is said at once', async (t) => {
  const app = await startApp(t);
  await app.createProject('team');
  await app.createProject('other');
  await app.createUser('ann', { team: 1 });
  await app.createUser('bob', { team: 2 });
  await dispatch(app);
  const read = async (user: string, path: string) => {
    const reply = await app.as(user).get(`/api/v2.0${path}/auditlog-exts/export?format=jsonl`);
    const lines = reply.body.split('\n').filter((line) => line !== '');
    return reply.statusCode === 200
      ? [...new Set(lines.map((line) => JSON.parse(line).resource.split('/')[0]))]
      : reply.statusCode;
  };

  assert.deepEqual(await read('ann', ''), ['team']);
  assert.deepEqual(await read('ann', '/projects/team'), ['team']);
  assert.equal(await read('ann', '/projects/other'), 403);
  assert.deepEqual(await read('bob', ''), []);
  assert.equal(await read('bob', '/projects/team'), 403);
  assert.equal(await read('anonymous', ''), 401);
  assert.equal((await app.as('admin').get(`${EXPORT}?q=op_time=never`)).statusCode, 400);
  assert.equal((await app.as('admin').get(`${EXPORT}?format=xls`)).statusCode, 422);
});

test('a robot that may read the whole log exports the whole log', async (t) => {
  const app = await startApp(t);
  const robot = await createRobot(app, {
    name: 'archive',
    permissions: [grant('/', 'audit-log:list')],
  });
  await dispatch(app);

  const listed = (await robot.get('/api/v2.0/auditlog-exts')).json<unknown[]>();
  const reply = await robot.get(`${EXPORT}?format=jsonl`);

  assert.ok(listed.length > 0);
  assert.equal(reply.body.trimEnd().split('\n').length, listed.length);
});

test('whoever goes away in the middle of an export leaves no connection in use', async (t) => {
  const app = await startApp(t);
  await tellMany(app, 30_000);
  await dispatch(app);
  const url = await app.listen();
  const leaving = new AbortController();

  const reply = await fetch(`${url}${EXPORT}?format=jsonl`, {
    headers: { authorization: `Basic ${btoa('admin:Adm1nAdm1n')}` },
    signal: leaving.signal,
  });
  const reader = reply.body!.getReader();
  await reader.read();
  leaving.abort();
  await reader.read().catch(() => {});

  const health = await app.as('admin').get('/api/v2.0/auditlog-exts?page_size=1');
  assert.equal(health.statusCode, 200);
});
