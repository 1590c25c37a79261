import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import {
  ADMIN_PASSWORD,
  isAlive,
  killAll,
  listDescendants,
  run,
  runToEnd,
  serverEnvironment,
  signIn,
  startServer,
  stopServer,
  temporaryFolder,
  waitFor,
} from './support/program.ts';

/** More rounds find more: ROADSTEAD_TEST_ROUNDS=20. */
const ROUNDS = Number(process.env.ROADSTEAD_TEST_ROUNDS ?? 2);

test('the first start makes a password, shows it once and keeps it in a private file', async (t) => {
  const begin = performance.now();
  const first = await startServer(t);
  t.diagnostic(`first start: ${Math.round(performance.now() - begin)} ms`);
  const file = join(first.data, 'admin-password');
  const [, password = ''] = /password (\S+) /.exec(first.stderr()) ?? [];

  assert.equal(readFileSync(file, 'utf8'), `${password}\n`);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(statSync(first.data).mode & 0o777, 0o700);
  assert.equal(await signIn(first.url, password), 200);
  assert.equal(await signIn(first.url, 'Wr0ngWr0ng'), 401);
  assert.ok(!first.stdout().includes(password));
  assert.equal(await stopServer(first), 0);

  const again = performance.now();
  const second = await startServer(t, { data: first.data });
  t.diagnostic(`second start: ${Math.round(performance.now() - again)} ms`);

  assert.ok(!second.output().includes(password));
  assert.ok(!/password [A-Za-z0-9]/.test(second.stderr()));
  assert.equal(await signIn(second.url, password), 200);
});

test('a given password is used, from a variable or a file, and only at the first start', async (t) => {
  const file = join(temporaryFolder(t), 'password');
  writeFileSync(file, `${ADMIN_PASSWORD}\n`);

  const first = await startServer(t, { env: { ROADSTEAD_ADMIN_PASSWORD_FILE: file } });
  assert.equal(await signIn(first.url, ADMIN_PASSWORD), 200);
  assert.ok(!existsSync(join(first.data, 'admin-password')));
  assert.ok(!first.output().includes(ADMIN_PASSWORD));
  await stopServer(first);
  const other = 'An0therOne';
  const second = await startServer(t, {
    data: first.data,
    env: { ROADSTEAD_ADMIN_PASSWORD: other },
  });

  assert.equal(await signIn(second.url, ADMIN_PASSWORD), 200);
  assert.equal(await signIn(second.url, other), 401);
});

test('a weak given password is refused before anything is made', async (t) => {
  const data = join(temporaryFolder(t), 'data');
  const env = serverEnvironment(data, { ROADSTEAD_ADMIN_PASSWORD: 'secret' });

  const { code, stderr } = await runToEnd(t, ['server'], { env });

  assert.equal(code, 1);
  assert.match(stderr, /^configuration: admin_password: a password has 8 to 128 characters.*\n$/);
  assert.ok(!existsSync(data));
});

test('a first start that is killed at any moment leaves what the next one can use', async (t) => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const data = join(temporaryFolder(t), 'data');
    const cut = run(t, ['server'], { env: serverEnvironment(data) });
    const afterMs = 50 + Math.random() * 1950;
    await sleep(afterMs);
    killAll([cut.pid, ...listDescendants(cut.pid)]);
    await cut.ended;

    const server = await startServer(t, { data });

    const password = readFileSync(join(data, 'admin-password'), 'utf8').trim();
    assert.equal(await signIn(server.url, password), 200, `killed after ${afterMs} ms`);
    const shown = /password (\S+) \(shown/.exec(cut.stderr() + server.stderr())?.[1];
    assert.ok(shown === undefined || shown === password);
    assert.equal(await stopServer(server), 0);
  }
});

test('TERM while the first start goes on ends it, and leaves nothing running', async (t) => {
  for (const moment of [undefined, /postgres started/, /database migrated/]) {
    const data = join(temporaryFolder(t), 'data');
    const program = run(t, ['server'], { env: serverEnvironment(data) });
    await waitFor(() => (moment === undefined ? existsSync(data) : moment.test(program.stdout())));
    const all = listDescendants(program.pid);

    program.signalGroup('SIGINT');
    const { code } = await program.ended;

    assert.equal(code, 0, program.output());
    assert.equal(program.stderr(), '');
    await waitFor(() => !all.some(isAlive));
  }
});
