import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { sql } from 'kysely';

import { open } from '../../test/harness/database.ts';
import { pushBlob } from '../../test/harness/registry.ts';
import { startApp, temporaryFolder, type TestApp } from '../../test/harness.ts';

/** A node whose PostgreSQL is not there. */
async function startWithoutDatabase(t: TestContext): Promise<TestApp> {
  const started = await startApp(t);
  const host = await temporaryFolder(t);
  return startApp(t, { besides: { ...started, address: { ...started.address, host } } });
}

test('without its database the registry says so, and when to come again', async (t) => {
  const { as } = await startWithoutDatabase(t);
  const replies = [
    await as('admin').get('/v2/'),
    await as('admin').get('/api/v2.0/users/current'),
    await as('anonymous').get('/api/v2.0/projects'),
    await as('anonymous').get('/service/token?scope=repository:library/app:pull'),
  ];

  for (const reply of replies) {
    assert.equal(reply.statusCode, 503, reply.body);
    assert.match(String(reply.headers['retry-after']), /^\d+$/);
    assert.equal(reply.json().errors[0].code, 'UNAVAILABLE');
    assert.doesNotMatch(reply.body, /socket|ENOENT|PGSQL/);
  }
});

test('health tells which part is away; ping only that the process runs', async (t) => {
  const healthy = await startApp(t);
  const ill = await startWithoutDatabase(t);

  const well = await healthy.as('anonymous').get('/api/v2.0/health');
  const away = await ill.as('anonymous').get('/api/v2.0/health');
  const ping = await ill.as('anonymous').get('/api/v2.0/ping');

  assert.equal(well.statusCode, 200);
  assert.equal(well.json().status, 'healthy');
  assert.equal(away.statusCode, 503);
  assert.equal(away.json().status, 'unhealthy');
  assert.deepEqual(
    away
      .json()
      .components.map(({ name, status }: { name: string; status: string }) => [name, status]),
    [
      ['core', 'healthy'],
      ['database', 'unhealthy'],
      ['jobservice', 'healthy'],
      ['registry', 'healthy'],
      ['storage', 'healthy'],
    ],
  );
  assert.equal(ping.statusCode, 200);
  assert.equal(ping.body, 'Pong');
});

test('connections that the database ended are replaced', async (t) => {
  const { as, address } = await startApp(t);
  await as('admin').get('/api/v2.0/users/current');
  const other = open(address, 1);
  await sql`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = ${address.database} and pid <> pg_backend_pid()`.execute(other);
  await other.destroy();

  const codes: number[] = [];
  while (codes.at(-1) !== 200 && codes.length < 20) {
    codes.push((await as('admin').get('/api/v2.0/users/current')).statusCode);
  }

  assert.equal(codes.at(-1), 200);
  assert.ok(
    codes.slice(0, -1).every((code) => code === 503),
    String(codes),
  );
});

test('when no more files can be opened a pull is told to come again', async (t) => {
  const { as, platform } = await startApp(t);
  const digest = await pushBlob(as('admin'), 'library/app', 'content');
  const cause = Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
  t.mock.method(platform.storage, 'readWhole', () => Promise.reject(cause));

  const reply = await as('admin').get(`/v2/library/app/blobs/${digest}`);

  assert.deepEqual([reply.statusCode, reply.headers['retry-after']], [503, '2']);
  assert.equal(reply.json().errors[0].message, 'too many files are open; try again');
});
