import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { makeCertificate, writePair } from './support/certificate.ts';
import {
  ADMIN_PASSWORD,
  runToEnd,
  signIn,
  startServer,
  startWithDatabase,
  stopServer,
  temporaryFolder,
} from './support/program.ts';

test('admin reset-password works while the server runs and when it is stopped', async (t) => {
  const server = await startServer(t, { env: { ROADSTEAD_ADMIN_PASSWORD: ADMIN_PASSWORD } });
  const env = { ROADSTEAD_DATA: server.data };
  assert.equal(await signIn(server.url, ADMIN_PASSWORD), 200);

  const running = await runToEnd(t, ['admin', 'reset-password'], { env });

  const [, made = ''] = /password (\S+) now/.exec(running.stdout) ?? [];
  assert.equal(running.code, 0, running.stderr);
  assert.equal(await signIn(server.url, ADMIN_PASSWORD), 401);
  assert.equal(await signIn(server.url, made), 200);
  assert.equal(readFileSync(join(server.data, 'admin-password'), 'utf8').trim(), made);

  await stopServer(server);
  const given = 'An0therOne';
  const withGiven = { ...env, ROADSTEAD_ADMIN_PASSWORD: given };
  const stopped = await runToEnd(t, ['admin', 'reset-password'], { env: withGiven });
  const again = await startServer(t, { data: server.data });

  assert.equal(stopped.code, 0, stopped.stderr);
  assert.ok(!(stopped.stdout + stopped.stderr).includes(given));
  assert.ok(!existsSync(join(server.data, 'admin-password')));
  assert.equal(await signIn(again.url, made), 401);
  assert.equal(await signIn(again.url, given), 200);
});

test('admin reset-password changes nothing when it can not write the password down', async (t) => {
  const server = await startServer(t, { env: { ROADSTEAD_ADMIN_PASSWORD: ADMIN_PASSWORD } });
  mkdirSync(join(server.data, 'admin-password.new', 'in the way'), { recursive: true });

  const failed = await runToEnd(t, ['admin', 'reset-password'], {
    env: { ROADSTEAD_DATA: server.data },
  });

  assert.equal(failed.code, 1);
  assert.match(
    failed.stderr,
    /^roadstead: the password is as before: .*admin-password\.new can't be/,
  );
  assert.equal(failed.stdout, '');
  assert.equal(await signIn(server.url, ADMIN_PASSWORD), 200);
  assert.deepEqual(
    readdirSync(server.data).filter((name) => name.includes('partial')),
    [],
  );
});

test('admin reset-password says where the password is when its file can not be replaced', async (t) => {
  const server = await startServer(t, { env: { ROADSTEAD_ADMIN_PASSWORD: ADMIN_PASSWORD } });
  mkdirSync(join(server.data, 'admin-password', 'in the way'), { recursive: true });

  const done = await runToEnd(t, ['admin', 'reset-password'], {
    env: { ROADSTEAD_DATA: server.data },
  });

  assert.equal(done.code, 0, done.stderr);
  assert.match(done.stdout, /also in \S+admin-password\.new, because .* can't be replaced/);
  const made = readFileSync(join(server.data, 'admin-password.new'), 'utf8').trim();
  assert.equal(await signIn(server.url, made), 200);
});

test('admin reset-password before the first start, or to a weak password, says what is wrong', async (t) => {
  const env = { ROADSTEAD_DATA: join(temporaryFolder(t), 'data') };
  const weak = { ...env, ROADSTEAD_ADMIN_PASSWORD: 'weak' };

  const early = await runToEnd(t, ['admin', 'reset-password'], { env });
  const refused = await runToEnd(t, ['admin', 'reset-password'], { env: weak });

  assert.equal(early.code, 1);
  assert.match(early.stderr, /^roadstead: there is no account admin yet; start the server once/);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /^configuration: admin_password: /);
});

test('migrate makes the database, and the second time finds it up to date', async (t) => {
  const env = { ROADSTEAD_DATA: join(temporaryFolder(t), 'data') };

  const first = await runToEnd(t, ['migrate'], { env });
  const second = await runToEnd(t, ['migrate'], { env });

  assert.match(first.stdout, /^Applied: 0001-accounts, /);
  assert.equal(second.stdout, 'The database is up to date.\n');
  assert.deepEqual([first.code, second.code], [0, 0]);
});

const MISTAKES: [Record<string, string>, RegExp][] = [
  [{ ROADSTEAD_PORT: 'http' }, /^configuration: port: .*integer/],
  [{ ROADSTEAD_PORT: '70000' }, /^configuration: port: .*65535/],
  [{ ROADSTEAD_LOG_LEVEL: 'loud' }, /^configuration: log\.level: .*: trace, debug/],
  [{ ROADSTEAD_PROT: '80' }, /^configuration: ROADSTEAD_PROT is not a setting/],
  [{ ROADSTEAD_EXTERNAL_URL: 'registry.example.com' }, /^configuration: external_url: /],
  [{ ROADSTEAD_TRUSTED_PROXIES: '10.0.0.1, proxy' }, /^configuration: trusted_proxies: proxy is/],
  [{ ROADSTEAD_TRUSTED_PROXIES: '10.0.0.0/33' }, /^configuration: trusted_proxies: 10\.0\.0\.0\/3/],
  [{ ROADSTEAD_SECRET_KEY: 'short' }, /^configuration: secret_key: .*32/],
  [{ ROADSTEAD_SECRET_KEY_FILE: '/nowhere' }, /^configuration: ROADSTEAD_SECRET_KEY_FILE: ENOENT/],
  [{ ROADSTEAD_TLS_KEY_FILE: '/nowhere' }, /^configuration: tls: certificate_file and key_file/],
  [{ ROADSTEAD_TLS_HTTP2: 'true' }, /^configuration: tls\.http2: HTTP\/2 needs HTTPS/],
  [{ ROADSTEAD_ADMIN_PASSWORD: 'weak' }, /^configuration: admin_password: a password has/],
  [{ DATABASE_URL: 'mysql://u:s3cret@h/d' }, /^configuration: database_url: /],
];

test('config check names the key of every mistake', async (t) => {
  const results = await Promise.all(
    MISTAKES.map(([env]) => runToEnd(t, ['config', 'check'], { env })),
  );

  for (const [index, { code, stderr, stdout }] of results.entries()) {
    assert.match(stderr, MISTAKES[index]![1]);
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.doesNotMatch(stderr, /s3cret|\n {4}at /);
  }
});

test('config check reads the file, and likes what is right', async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'roadstead.yaml');
  const env = { ROADSTEAD_CONFIG: file };
  writeFileSync(
    file,
    'port: 5000\nlimits:\n  manifest_bytes: 2000000\ntrusted_proxies: ["::1/128"]\n',
  );
  const right = await runToEnd(t, ['config', 'check'], { env });
  writeFileSync(file, 'prot: 5000\nlimits:\n  manifest_bites: 1\n');
  const wrong = await runToEnd(t, ['config', 'check'], { env });

  assert.deepEqual(right, { code: 0, stdout: 'The configuration is right.\n', stderr: '' });
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /prot: there is no such key/);
  assert.match(wrong.stderr, /limits\.manifest_bites: there is no such key/);
});

test('help, an unknown command, unknown words and another Node', async (t) => {
  const pretend = `Object.defineProperty(process, 'versions', { value: { node: '24.1.0' } });`;
  const [help, none, unknown, more, own, other] = await Promise.all([
    runToEnd(t, ['--help']),
    runToEnd(t, []),
    runToEnd(t, ['serve']),
    runToEnd(t, ['server', '--port=80']),
    runToEnd(t, ['admin', 'reset-password', '--help']),
    runToEnd(t, ['config', 'check'], { node: ['--import', `data:text/javascript,${pretend}`] }),
  ]);

  assert.match(help.stdout, /^Usage: roadstead <command>[^]*config check/);
  assert.deepEqual([help.code, none.code, own.code], [0, 0, 0]);
  assert.match(own.stdout, /^roadstead admin reset-password: give admin/);
  assert.match(unknown.stderr, /^roadstead: there is no command "serve"\n\nUsage/);
  assert.match(more.stderr, /^roadstead server: Unknown option '--port'\n/);
  assert.deepEqual([unknown.code, more.code], [2, 2]);
  assert.match(other.stderr, /^roadstead runs on Node 26, this is 24\.1\.0\. Use: npm start/);
  assert.equal(other.code, 1);
});

test('health tells how the server is, whatever the name in its certificate', async (t) => {
  const folder = temporaryFolder(t);
  const files = { certificate: join(folder, 'tls.crt'), key: join(folder, 'tls.key') };
  writePair(makeCertificate('registry.example.com'), files);
  const tls = {
    ROADSTEAD_TLS_CERTIFICATE_FILE: files.certificate,
    ROADSTEAD_TLS_KEY_FILE: files.key,
  };
  for (const env of [{}, tls]) {
    const server = await startWithDatabase(t, { env });
    const ask = () =>
      runToEnd(t, ['health'], { env: { ROADSTEAD_PORT: String(server.port), ...env } });

    const healthy = await ask();
    await stopServer(server);
    const gone = await ask();

    assert.equal(healthy.code, 0, healthy.stderr);
    assert.match(healthy.stdout, /"status":"(un)?healthy"/); // as much room as this machine has
    assert.equal(gone.code, 1);
    assert.match(gone.stderr, /^roadstead: .*ECONNREFUSED/);
  }
});
