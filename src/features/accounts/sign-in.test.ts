import assert from 'node:assert/strict';
import { createHook } from 'node:async_hooks';
import { test, type TestContext } from 'node:test';

import { sql } from 'kysely';

import { basic } from '../../../test/harness/client.ts';
import { beginRequest, send } from '../../../test/harness/wire.ts';
import { ADMIN_PASSWORD, PASSWORD, startApp, type TestApp } from '../../../test/harness.ts';
import { clock } from '../../lib/clock.ts';

const CURRENT = '/api/v2.0/users/current';

const signIn = ({ app }: TestApp, name: string, password: string, remoteAddress = '192.0.2.1') =>
  app.inject({ url: CURRENT, headers: { authorization: basic(name, password) }, remoteAddress });

/** Counts how often a password is hashed. */
function countHashes(t: TestContext): () => number {
  let count = 0;
  const hook = createHook({
    init(_id, type) {
      if (type === 'ARGON2REQUEST') count += 1;
    },
  }).enable();
  t.after(() => hook.disable());
  return () => count;
}

const WRONG: [what: string, authorization: string][] = [
  ['a wrong password', basic('admin', 'Wr0ngPassword')],
  ['a user who does not exist', basic('nobody', ADMIN_PASSWORD)],
  ['no password', basic('admin', '')],
  ['no name', basic('', ADMIN_PASSWORD)],
  ['no colon', `Basic ${Buffer.from('admin').toString('base64')}`],
  ['NUL in the name', basic('admin\0', ADMIN_PASSWORD)],
  ['NUL in the password', basic('admin', `${ADMIN_PASSWORD}\0`)],
  ['a very long name', basic('a'.repeat(10_000), ADMIN_PASSWORD)],
  ['a very long password', basic('admin', 'a'.repeat(10_000))],
  ['a pattern for a name', basic('adm%', ADMIN_PASSWORD)],
  ['a quote in the name', basic("admin' --", ADMIN_PASSWORD)],
  ['nothing', ''],
  ['only a scheme', 'Basic'],
  ['a scheme and a blank', 'Basic '],
  ['no base64', 'Basic §§§'],
  ['another scheme', `Digest ${Buffer.from(`admin:${ADMIN_PASSWORD}`).toString('base64')}`],
  ['two credentials', `${basic('admin', ADMIN_PASSWORD)}, ${basic('admin', ADMIN_PASSWORD)}`],
  ['a bearer token where there are none', 'Bearer abc'],
];

test('wrong and malformed credentials are refused, also where anyone may come in', async (t) => {
  const { app } = await startApp(t);

  for (const [index, [what, authorization]] of WRONG.entries()) {
    for (const url of [CURRENT, '/api/v2.0/projects']) {
      const remoteAddress = `192.0.2.${index}`;
      const reply = await app.inject({ url, headers: { authorization }, remoteAddress });

      assert.equal(reply.statusCode, 401, what);
      assert.equal(reply.json().errors[0].code, 'UNAUTHORIZED', what);
      assert.equal(reply.headers['www-authenticate'], 'Basic realm="roadstead"', what);
    }
  }
});

const PASSWORDS = [
  'Aa1:with:colons:',
  ':Aa1Aa1Aa1:',
  'Pässwört1€🚢',
  ' Aa1 blanks ',
  'Aa1\t"\\\'`$',
];

test('a password may hold colons, blanks, quotes and letters of any script', async (t) => {
  const started = await startApp(t);

  for (const [index, password] of PASSWORDS.entries()) {
    const username = `user${index}`;
    const user = { username, realname: 'x', email: `${index}@example.com`, password };
    await started.as('admin').post('/api/v2.0/users', user);

    assert.equal((await signIn(started, username, password)).statusCode, 200, password);
    assert.equal((await signIn(started, username, `${password} `)).statusCode, 401, password);
  }
});

test('the name is written in any case; letters beyond ASCII count as they are', async (t) => {
  const started = await startApp(t);
  await started.createUser('ann');
  await started.createUser('Änne');

  assert.equal((await signIn(started, 'ANN', PASSWORD)).statusCode, 200);
  assert.equal((await signIn(started, 'Änne', PASSWORD)).statusCode, 200);
  assert.equal((await signIn(started, 'änne', PASSWORD)).statusCode, 401);
});

test('a wrong password costs one hash, whether the user exists or not', async (t) => {
  const started = await startApp(t);
  await started.createUser('ann');
  const hashes = countHashes(t);
  const cost = async (name: string, password: string) => {
    const before = hashes();
    await signIn(started, name, password);
    return hashes() - before;
  };

  assert.equal(await cost('ann', 'Wr0ngPassword'), 1);
  assert.equal(await cost('nobody', 'Wr0ngPassword'), 1);
  assert.equal(await cost('nobody\0', 'Wr0ngPassword'), 1);
});

test('a right password is hashed once, while it is used every five minutes', async (t) => {
  const started = await startApp(t);
  await started.createUser('ann');
  const hashes = countHashes(t);
  const begin = clock.now().getTime();
  const at = (minutes: number) =>
    t.mock.method(clock, 'now', () => new Date(begin + minutes * 60_000));

  for (const minutes of [0, 4, 8, 12]) {
    at(minutes);
    await signIn(started, 'ann', PASSWORD);
  }
  const whileUsed = hashes();
  at(17.1);
  await signIn(started, 'ann', PASSWORD);

  assert.equal(whileUsed, 1);
  assert.equal(hashes(), 2);
});

test('a right password that many send at once, from anywhere, is hashed once', async (t) => {
  const started = await startApp(t);
  await started.createUser('ann');
  const hashes = countHashes(t);
  const all = Array.from({ length: 60 }, (_, index) =>
    signIn(started, 'ann', PASSWORD, `192.0.2.${index % 3}`),
  );

  const statuses = (await Promise.all(all)).map(({ statusCode }) => statusCode);

  assert.deepEqual(new Set(statuses), new Set([200]));
  assert.equal(hashes(), 1);
});

test('who guesses many passwords at once is not in the way of others, and hashes few', async (t) => {
  const started = await startApp(t);
  await started.createUser('ann');
  const hashes = countHashes(t);
  const guesses = Array.from({ length: 40 }, (_, index) =>
    signIn(started, 'ann', `Wr0ng${index}`, '192.0.2.7'),
  );
  await Promise.race(guesses); // those that find no place are refused at once

  const others = await signIn(started, 'ann', PASSWORD, '192.0.2.8');
  const hashesOfOthers = hashes();
  const statuses = (await Promise.all(guesses)).map(({ statusCode }) => statusCode);

  assert.equal(others.statusCode, 200);
  assert.ok(hashesOfOthers <= 6, String(hashesOfOthers));
  assert.ok(hashes() <= 10, String(hashes()));
  assert.deepEqual(new Set(statuses), new Set([401, 429]));
});

test('passwords of clients that went away are not hashed', async (t) => {
  const started = await startApp(t);
  const url = `${await started.listen()}${CURRENT}`;
  const hashes = countHashes(t);
  const guesses = Array.from({ length: 14 }, (_, index) =>
    beginRequest(url, { headers: { authorization: basic(`user${index}`, 'Wr0ngPassword') } }),
  );
  for (const { request } of guesses) request.end();
  await Promise.race(guesses.map(({ reply }) => reply)); // all have arrived

  for (const { request } of guesses) request.destroy();
  const reply = await send(url);

  assert.equal(reply.statusCode, 200);
  assert.ok(hashes() < 8, String(hashes()));
});

test('a remembered password ends with the change of it', async (t) => {
  const started = await startApp(t);
  await started.createUser('ann');
  const { user_id } = (await signIn(started, 'ann', PASSWORD)).json();
  const change = { old_password: PASSWORD, new_password: 'Passw0rdOther' };

  await started.as('ann').put(`/api/v2.0/users/${user_id}/password`, change);

  assert.equal((await signIn(started, 'ann', PASSWORD)).statusCode, 401);
  assert.equal((await signIn(started, 'ann', 'Passw0rdOther')).statusCode, 200);
});

test('after five wrong passwords the account waits at that address, and only there', async (t) => {
  const started = await startApp(t);
  await started.createUser('ann');
  await started.createUser('bob');
  const statuses = [];

  for (let index = 0; index < 7; index += 1) {
    statuses.push((await signIn(started, 'ann', `Wr0ng${index}`)).statusCode);
  }
  const right = await signIn(started, 'Ann', PASSWORD);
  const elsewhere = await signIn(started, 'ann', PASSWORD, '192.0.2.2');
  const other = await signIn(started, 'bob', PASSWORD);

  assert.deepEqual(statuses, [401, 401, 401, 401, 401, 401, 429]);
  assert.equal(right.statusCode, 429);
  assert.match(String(right.headers['retry-after']), /^[1-9]\d*$/);
  assert.equal(right.json().errors[0].code, 'TOO_MANY_REQUEST');
  assert.equal(elsewhere.statusCode, 200);
  assert.equal(other.statusCode, 200);
});

test('an address waits after fifty wrong passwords, whatever the accounts', async (t) => {
  const started = await startApp(t);
  await started.createUser('ann');
  const network = (index: number) => `2001:db8::${index.toString(16)}`;
  for (let index = 0; index < 51; index += 1) {
    await signIn(started, `user${index}`, 'Wr0ngPassword', network(index));
  }

  const same = await signIn(started, 'ann', PASSWORD, network(1000));
  const another = await signIn(started, 'ann', PASSWORD, '2001:db8:0:1::1');

  assert.equal(same.statusCode, 429);
  assert.equal(another.statusCode, 200);
});

test('of many passwords tried at once, few are answered', async (t) => {
  const started = await startApp(t);
  await started.createUser('ann');
  const tries = Array.from({ length: 30 }, (_, index) =>
    index === 29 ? PASSWORD : `Wr0ng${index}`,
  );

  const replies = await Promise.all(tries.map((password) => signIn(started, 'ann', password)));

  const statuses = replies.map((reply) => reply.statusCode);
  assert.equal(statuses.at(-1), 429);
  assert.ok(statuses.filter((status) => status === 401).length <= 10, statuses.join(' '));
});

test('the own password is changed by whoever knows the old one', async (t) => {
  const { as, createUser } = await startApp(t);
  await createUser('ann');
  const { user_id } = (await as('ann').get(CURRENT)).json();
  const change = async (body: object, name = 'ann') => {
    const reply = await as(name).put(`/api/v2.0/users/${user_id}/password`, body);
    return reply.statusCode;
  };
  const new_password = 'Passw0rdOther';

  assert.equal(await change({ new_password }), 403);
  assert.equal(await change({ old_password: 'Wr0ngPassword', new_password }), 403);
  assert.equal(await change({ old_password: PASSWORD, new_password: 'weak' }), 400);
  assert.equal(await change({ old_password: PASSWORD, new_password: PASSWORD }), 400);
  assert.equal(await change({ old_password: PASSWORD }), 400);
  assert.equal(await change({ old_password: PASSWORD, new_password: ['x'] }), 422);
  assert.equal(await change({ new_password }, 'admin'), 200);
  assert.equal(await change({ old_password: new_password, new_password: PASSWORD }), 401);
});

test('an administrator too needs the old password to change their own', async (t) => {
  const { as } = await startApp(t);

  const reply = await as('admin').put('/api/v2.0/users/1/password', {
    new_password: 'Passw0rdOther',
  });

  assert.equal(reply.statusCode, 403);
});

test('a wrong old password counts as a failed sign-in, and is in the audit log', async (t) => {
  const started = await startApp(t);
  const { createUser, platform } = started;
  await createUser('ann');
  const { user_id } = (await started.as('ann').get(CURRENT)).json();
  const change = (old_password: string) =>
    started.as('ann').put(`/api/v2.0/users/${user_id}/password`, {
      old_password,
      new_password: 'Passw0rdOther',
    });

  const statuses: number[] = [];
  while (statuses.at(-1) !== 429 && statuses.length < 12) {
    statuses.push((await change(`Wr0ngPassword${statuses.length}`)).statusCode);
  }
  await platform.recorder.flush();

  assert.deepEqual(statuses.slice(0, 6), [403, 403, 403, 403, 403, 403]);
  assert.equal(statuses.at(-1), 429);
  const { rows } = await sql`
    select from sign_in_failure where subject = 'account:ann@127.0.0.1'`.execute(platform.db);
  assert.equal(rows.length, 1);
  const events = await platform.db
    .selectFrom('event_outbox')
    .select(['actor', 'result'])
    .where('type', '=', 'user.signed_in')
    .where('result', 'is not', null)
    .execute();
  assert.deepEqual(
    [...new Set(events.map(({ actor, result }) => `${actor} ${result}`))].toSorted(),
    ['ann TOOMANYREQUESTS', 'ann UNAUTHORIZED'],
  );
});

test('a user signs in by email too, and counts as the same account', async (t) => {
  const started = await startApp(t);
  const { as, createUser, platform } = started;
  await createUser('ann');
  const bob = { username: 'ann@example.org', email: 'bob@example.com', realname: 'Bob' };
  await as('admin').post('/api/v2.0/users', { ...bob, password: PASSWORD });
  await as('admin').put('/api/v2.0/users/2', { email: 'Ann@Example.com', realname: 'Ann' });
  const nameOf = async (principal: string) =>
    (await signIn(started, principal, PASSWORD)).json().username;

  assert.equal(await nameOf('ann@example.COM'), 'ann');
  assert.equal(await nameOf('bob@example.com'), 'ann@example.org');
  // A name comes before an email.
  await as('admin').put('/api/v2.0/users/2', { email: 'ann@example.org', realname: 'Ann' });
  assert.equal(await nameOf('ann@example.org'), 'ann@example.org');
  assert.equal((await signIn(started, 'nobody@example.org', PASSWORD)).statusCode, 401);
  await as('admin').put('/api/v2.0/users/2', { email: 'ann@example.com', realname: 'Ann' });

  await signIn(started, 'ann', 'Wr0ng', '192.0.2.9');
  await signIn(started, 'ANN@example.com', 'Wr0ng', '192.0.2.9');
  const { rows } = await sql<{ subject: string; failures: number }>`
    select subject, failures from sign_in_failure where subject like 'account:ann%'`.execute(
    platform.db,
  );
  assert.deepEqual(rows, [{ subject: 'account:ann@192.0.2.9', failures: 2 }]);
});
