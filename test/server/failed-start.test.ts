import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';

import {
  authorization,
  onEnd,
  runToEnd,
  serverEnvironment,
  signIn,
  startServer,
  stopServer,
  temporaryFolder,
} from './support/program.ts';

test('a port in use is named, and nothing is left running', async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  onEnd(t, () => other.close());
  const { port } = other.address() as AddressInfo;
  const data = join(temporaryFolder(t), 'data');

  const failed = await runToEnd(t, ['server'], {
    env: serverEnvironment(data, { ROADSTEAD_PORT: String(port) }),
  });

  assert.equal(failed.code, 1);
  assert.equal(
    failed.stderr,
    `roadstead: port ${port} of 127.0.0.1 is in use by another program; choose one with ROADSTEAD_PORT\n`,
  );
  assert.match(failed.stdout, /"postgres stopped"/);
  assert.ok(!existsSync(join(data, 'postgres', 'postmaster.pid')));
  const server = await startServer(t, { data });
  assert.equal(await stopServer(server), 0);
});

test('a second server on the same folder is refused, and the first goes on', async (t) => {
  const first = await startServer(t);

  const second = await runToEnd(t, ['server'], { env: serverEnvironment(first.data) });

  assert.equal(second.code, 1);
  assert.match(second.stderr, /^roadstead: Another roadstead server \(process \d+\) is running/);
  assert.equal((await fetch(`${first.url}/api/v2.0/health`)).status, 200);
});

test('a folder that cannot be used is named', async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'file');
  writeFileSync(file, '');
  const strange = join(folder, 'strange');
  mkdirSync(join(strange, 'postgres'), { recursive: true });
  writeFileSync(join(strange, 'postgres', 'photo.jpg'), '');

  const below = await runToEnd(t, ['server'], { env: serverEnvironment(join(file, 'data')) });
  const full = await runToEnd(t, ['server'], { env: serverEnvironment(strange) });

  assert.equal(below.code, 1);
  assert.match(below.stderr, /^roadstead: the data folder \S+ cannot be made .*ROADSTEAD_DATA\n$/);
  assert.equal(full.code, 1);
  assert.match(full.stderr, /neither empty nor a PostgreSQL data folder.*ROADSTEAD_DATA/);
});

test(
  'a folder that another user owns is named',
  { skip: process.getuid!() === 0 ? 'root may write everywhere' : false },
  async (t) => {
    const data = temporaryFolder(t);
    chmodSync(data, 0o500);
    onEnd(t, () => chmodSync(data, 0o700));

    const failed = await runToEnd(t, ['server'], { env: serverEnvironment(data) });

    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /cannot be used by this user/);
    assert.deepEqual(readdirSync(data), []);
  },
);

test('a data folder with spaces and a path of more than 200 characters works', async (t) => {
  const data = join(temporaryFolder(t), `a 'b" ü ${'x'.repeat(100)}`, 'y'.repeat(100), 'data');

  const server = await startServer(t, {
    data,
    env: { ROADSTEAD_ADMIN_PASSWORD: 'Adm1nAdm1n' },
  });

  assert.equal(await signIn(server.url, 'Adm1nAdm1n'), 200);
});

test('a secret_key that is not the one of the database is named, with what to do', async (t) => {
  const env = { ROADSTEAD_ADMIN_PASSWORD: 'Adm1nAdm1n', ROADSTEAD_SECRET_KEY: 'k'.repeat(40) };
  const server = await startServer(t, { env });
  const token = await fetch(`${server.url}/service/token`, {
    headers: authorization('Adm1nAdm1n'),
  });
  assert.equal(token.status, 200); // the first makes the key that is encrypted
  await stopServer(server);

  const other = await runToEnd(t, ['server'], {
    env: serverEnvironment(server.data, { ...env, ROADSTEAD_SECRET_KEY: 'o'.repeat(40) }),
  });
  const none = await runToEnd(t, ['server'], { env: serverEnvironment(server.data) });

  assert.match(other.stderr, /^configuration: secret_key: .*another one; set the one it had/);
  assert.match(none.stderr, /^configuration: secret_key: .*another one; put back the file \S+key/);
  assert.deepEqual([other.code, none.code], [1, 1]);

  const reset = await runToEnd(t, ['admin', 'reset-signing-keys'], {
    env: { ROADSTEAD_DATA: server.data },
  });
  const again = await startServer(t, { data: server.data });
  assert.equal(reset.code, 0, reset.stderr);
  assert.equal(await stopServer(again), 0);
});
