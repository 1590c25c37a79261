import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { pushBlob, verify } from './support/content.ts';
import { PASSWORD, startExternalPostgres } from './support/external-postgres.ts';
import {
  ADMIN_PASSWORD,
  authorization,
  findChildren,
  run,
  runToEnd,
  serverEnvironment,
  signIn,
  startServer,
  stopServer,
  temporaryFolder,
  waitFor,
} from './support/program.ts';

const given = { ROADSTEAD_ADMIN_PASSWORD: ADMIN_PASSWORD };

test('two nodes that start together on an empty database share it, and none is embedded', async (t) => {
  const postgres = await startExternalPostgres(t);
  const data = join(temporaryFolder(t), 'data');
  const env = { DATABASE_URL: postgres.url(), ROADSTEAD_SECRET_KEY: 'k'.repeat(40) };

  const [one, two] = await Promise.all([
    startServer(t, { data, env }),
    startServer(t, { data, env }),
  ]);

  const output = one.output() + two.output();
  assert.equal(output.match(/User admin, password/g)?.length, 1);
  const [, password = ''] = /User admin, password (\S+)/.exec(output)!;
  assert.equal(await signIn(one.url, password), 200);
  assert.equal(await signIn(two.url, password), 200);
  assert.ok(existsSync(join(data, 'admin-password')));
  assert.ok(!existsSync(join(data, 'postgres')));
  assert.equal(findChildren(one.pid, 'postgres').length, 0);
  for (const secret of [PASSWORD, encodeURIComponent(PASSWORD), 'kkkk']) {
    assert.ok(!output.includes(secret));
  }

  const env2 = { ROADSTEAD_DATA: data, DATABASE_URL: env.DATABASE_URL, ...given };
  assert.equal((await runToEnd(t, ['admin', 'reset-password'], { env: env2 })).code, 0);
  const digest = await pushBlob(one.url, 1000);
  await verify(two.url, 'blobs', digest);
  assert.deepEqual([await stopServer(one), await stopServer(two)], [0, 0]);
});

test('admin reset-password that the database refuses leaves the password and its file as they were', async (t) => {
  const postgres = await startExternalPostgres(t);
  const data = join(temporaryFolder(t), 'data');
  const env = { DATABASE_URL: postgres.url(), ROADSTEAD_DATA: data };
  const server = await startServer(t, { data, env: { DATABASE_URL: postgres.url() } });
  const read = () => readFileSync(join(data, 'admin-password'), 'utf8');
  const before = read();
  await postgres.query(`create function fail() returns trigger language plpgsql
    as 'begin raise ''out of luck''; end'`);
  await postgres.query(`create constraint trigger fail after update on user_account
    deferrable initially deferred for each row execute function fail()`);

  const refused = await runToEnd(t, ['admin', 'reset-password'], { env });

  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /^roadstead: the password is as before: out of luck/);
  assert.equal(read(), before);
  assert.equal(await signIn(server.url, before.trim()), 200);

  await postgres.query('drop trigger fail on user_account');
  const done = await runToEnd(t, ['admin', 'reset-password'], { env });

  assert.equal(done.code, 0, done.stderr);
  assert.equal(await signIn(server.url, read().trim()), 200);
  assert.deepEqual(
    readdirSync(data).filter((name) => name.includes('.new')),
    [],
  );
});

test('a database of a newer version, or one that refuses, is named without its password', async (t) => {
  const postgres = await startExternalPostgres(t);
  const data = join(temporaryFolder(t), 'data');
  const start = (DATABASE_URL: string) =>
    runToEnd(t, ['server'], { env: serverEnvironment(data, { DATABASE_URL }) });
  const migrated = await runToEnd(t, ['migrate'], { env: { DATABASE_URL: postgres.url() } });
  assert.equal(migrated.code, 0, migrated.stderr);
  await postgres.query(`insert into migration (name, checksum) values ('9999-later', 'x')`);

  const newer = await start(postgres.url());
  const noDatabase = await start(postgres.url('none'));
  const wrongPassword = await start(postgres.url().replace('%40', '%41'));
  const malformed = await start(`postgres://ann:${PASSWORD}@localhost:1/x`);

  assert.match(newer.stderr, /^roadstead: the database is newer than this program: .*9999-later/);
  assert.match(
    noDatabase.stderr,
    /^roadstead: the database of DATABASE_URL cannot be used: .*"none"/,
  );
  assert.match(wrongPassword.stderr, /DATABASE_URL cannot be used: password authentication failed/);
  assert.match(malformed.stderr, /^(roadstead|configuration): .*DATABASE_URL/i);
  for (const { code, stdout, stderr } of [newer, noDatabase, wrongPassword, malformed]) {
    assert.equal(code, 1);
    assert.doesNotMatch(stdout + stderr, /p@ss|p%4[01]ss|\n {4}at /);
  }
});

test('a database that is away at the start is waited for, and one that goes away comes back', async (t) => {
  const postgres = await startExternalPostgres(t);
  await postgres.stop();
  const data = join(temporaryFolder(t), 'data');
  mkdirSync(data);
  const env = { ...given, DATABASE_URL: postgres.url() };

  const early = run(t, ['server'], { env: serverEnvironment(data, env) });
  await waitFor(() => early.stdout().includes('"database not reached, trying again"'));
  early.signal('SIGTERM');
  assert.equal((await early.ended).code, 0);
  const starting = startServer(t, { data, env });
  await postgres.start();
  const server = await starting;
  assert.equal(await signIn(server.url, ADMIN_PASSWORD), 200);

  await postgres.stop();
  const away = await fetch(`${server.url}/v2/`, { headers: authorization(ADMIN_PASSWORD) });
  const health = await fetch(`${server.url}/api/v2.0/health`);
  await postgres.start();

  assert.equal(away.status, 503);
  assert.match(away.headers.get('retry-after') ?? '', /^\d+$/);
  assert.equal(health.status, 503);
  await waitFor(async () => (await signIn(server.url, ADMIN_PASSWORD)) === 200);
  assert.equal((await fetch(`${server.url}/api/v2.0/health`)).status, 200);
  assert.ok(!server.output().includes(encodeURIComponent(PASSWORD)));
});
