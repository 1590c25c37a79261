import assert from 'node:assert/strict';
import { createHook } from 'node:async_hooks';
import { test } from 'node:test';

import type { LightMyRequestResponse } from 'fastify';

import { openBrowser } from '../../../../test/harness/browser.ts';
import { ADMIN_PASSWORD, PASSWORD, startApp, type TestApp } from '../../../../test/harness.ts';

const CURRENT = '/api/v2.0/users/current';
const SESSIONS = `${CURRENT}/sessions`;
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

const cookieOf = (reply: LightMyRequestResponse) =>
  reply.cookies.find(({ name }) => name === 'sid');

/** Makes all sessions as old as that, without use. */
async function leaveUnused({ platform }: TestApp, minutes: number): Promise<void> {
  const used_at = new Date(Date.now() - minutes * 60_000);
  await platform.db.updateTable('session').set({ used_at }).execute();
}

async function findUserId({ as }: TestApp, username: string): Promise<number> {
  return (await as(username).get(CURRENT)).json().user_id;
}

test('signing in gives a cookie that is as good as the password, until one signs out', async (t) => {
  const started = await startApp(t);
  const browser = openBrowser(started);

  const before = await browser.get(CURRENT);
  const signedIn = await browser.signIn('admin', ADMIN_PASSWORD);
  const during = await browser.get(CURRENT);
  const stolen = { cookie: `sid=${browser.cookies.get('sid')}` };
  const signedOut = await browser.get('/c/log_out');
  const after = await browser.get(CURRENT);
  const replayed = await started.app.inject({ url: CURRENT, headers: stolen });

  assert.equal(before.statusCode, 401);
  assert.equal(signedIn.statusCode, 200);
  assert.equal(signedIn.body, '');
  const { value, ...attributes } = cookieOf(signedIn)!;
  assert.match(value, /^[\w-]{43}$/);
  assert.deepEqual(attributes, { name: 'sid', path: '/', httpOnly: true, sameSite: 'Lax' });
  assert.equal(during.json().username, 'admin');
  assert.equal(signedOut.statusCode, 200);
  assert.equal(browser.cookies.has('sid'), false);
  assert.equal(after.statusCode, 401);
  assert.equal(replayed.statusCode, 401);
});

test('what the database keeps of a session opens nothing', async (t) => {
  const started = await startApp(t);
  const browser = openBrowser(started);

  await browser.signIn('admin', ADMIN_PASSWORD);

  const [row] = await started.platform.db.selectFrom('session').selectAll().execute();
  const text = row!.token_hash.toString('base64url');
  assert.notEqual(text, browser.cookies.get('sid'));
  const reply = await started.app.inject({ url: CURRENT, headers: { cookie: `sid=${text}` } });
  assert.equal(reply.statusCode, 401);
});

const WRONG: [form: string, status: number][] = [
  [`principal=ann&password=Wr0ngPassword`, 401],
  [`principal=nobody&password=${PASSWORD}`, 401],
  [`principal=ann&password=`, 401],
  [`principal=&password=${PASSWORD}`, 401],
  [`principal=ann%00&password=${PASSWORD}`, 401],
  ['', 401],
  [`principal=ann&password=${PASSWORD}&password=${PASSWORD}`, 400],
  [`principal=${'a'.repeat(2000)}&password=x`, 400],
];

test('a wrong name or password is 401 with an empty body, and opens no window of the browser', async (t) => {
  const started = await startApp(t);
  await started.createUser('ann');
  const browser = openBrowser(started);
  await browser.get('/c/login');

  for (const [payload, status] of WRONG) {
    const reply = await browser.send({ method: 'POST', url: '/c/login', headers: FORM, payload });

    assert.equal(reply.statusCode, status, payload);
    assert.equal(cookieOf(reply), undefined, payload);
    if (status === 401) assert.equal(reply.body, '', payload);
    assert.equal(reply.headers['www-authenticate'], undefined, payload);
  }
  const asScript = await browser.get(CURRENT, { 'sec-fetch-dest': 'empty' });
  assert.doesNotMatch(String(asScript.headers['www-authenticate']), /Basic/);
});

test('many wrong passwords are slowed down here as everywhere', async (t) => {
  const browser = openBrowser(await startApp(t));

  // Waits double, so that also on a slow machine one of these tries comes too early.
  const statuses: number[] = [];
  while (statuses.length < 20 && statuses.at(-1) !== 429) {
    statuses.push((await browser.signIn('admin', `Wr0ng${statuses.length}`)).statusCode);
  }

  assert.deepEqual(new Set(statuses), new Set([401, 429]));
});

test('a session that somebody else has prepared is not the one that is signed in', async (t) => {
  const started = await startApp(t);
  await started.createUser('ann');
  const [attacker, victim] = [openBrowser(started), openBrowser(started)];
  await attacker.signIn('ann');
  const planted = attacker.cookies.get('sid')!;
  victim.cookies.set('sid', planted);

  await victim.get('/c/login');
  await victim.signIn('admin', ADMIN_PASSWORD);

  assert.notEqual(victim.cookies.get('sid'), planted);
  assert.equal((await victim.get(CURRENT)).json().username, 'admin');
  assert.equal((await attacker.get(CURRENT)).statusCode, 401);
});

test('a session ends after the time without use that is set, and use renews it', async (t) => {
  const started = await startApp(t);
  const browser = openBrowser(started);
  await browser.signIn('admin', ADMIN_PASSWORD);
  const ask = async (headers = {}) => (await browser.get(CURRENT, headers)).statusCode;

  await leaveUnused(started, 59);
  const used = await ask();
  await leaveUnused(started, 59);
  const unwatched = await ask({ 'x-harbor-no-session-renewal': 'true' });
  const { used_at } = await started.platform.db
    .selectFrom('session')
    .select('used_at')
    .executeTakeFirstOrThrow();
  await leaveUnused(started, 61);
  const late = await ask();

  assert.deepEqual([used, unwatched, late], [200, 200, 401]);
  assert.ok(Date.now() - used_at.getTime() > 58 * 60_000);
});

test('a shorter time counts for sessions that are there, and so does the longest', async (t) => {
  const started = await startApp(t);
  const browser = openBrowser(started);
  await browser.signIn('admin', ADMIN_PASSWORD);
  const set = (session_timeout: number) =>
    started.as('admin').put('/api/v2.0/configurations', { session_timeout });
  const ask = async () => {
    await leaveUnused(started, 10);
    return (await browser.get(CURRENT)).statusCode;
  };

  await set(9_999_999_999);
  const long = await ask();
  const again = await browser.signIn('admin', ADMIN_PASSWORD);
  await set(5);
  const short = await ask();

  assert.deepEqual([long, again.statusCode, short], [200, 200, 401]);
});

test('sessions end with the password, the user, and the rights of an administrator', async (t) => {
  const started = await startApp(t);
  const { as } = started;
  const users = ['ann', 'bob', 'cleo'];
  for (const name of users) await started.createUser(name);
  const [ann, bob, cleo] = await Promise.all(users.map((name) => findUserId(started, name)));
  await as('admin').put(`/api/v2.0/users/${cleo}/sysadmin`, { sysadmin_flag: true });
  const browsers = users.map(() => openBrowser(started));
  for (const [index, browser] of browsers.entries()) await browser.signIn(users[index]!);

  await as('admin').put(`/api/v2.0/users/${ann}/password`, { new_password: 'Passw0rdOther' });
  await as('admin').delete(`/api/v2.0/users/${bob}`);
  await as('admin').put(`/api/v2.0/users/${cleo}/sysadmin`, { sysadmin_flag: false });

  for (const browser of browsers) assert.equal((await browser.get(CURRENT)).statusCode, 401);
});

test('who changes their own password stays signed in where they did it, and nowhere else', async (t) => {
  const started = await startApp(t);
  await started.createUser('ann');
  const [here, there] = [openBrowser(started), openBrowser(started)];
  for (const browser of [here, there]) await browser.signIn('ann');

  const changed = await here.send({
    method: 'PUT',
    url: `/api/v2.0/users/${await findUserId(started, 'ann')}/password`,
    payload: { old_password: PASSWORD, new_password: 'Passw0rdOther' },
  });

  assert.equal(changed.statusCode, 200);
  assert.equal((await here.get(CURRENT)).statusCode, 200);
  assert.equal((await there.get(CURRENT)).statusCode, 401);
});

test('one sees where one is signed in, and ends it there', async (t) => {
  const started = await startApp(t);
  await started.createUser('ann');
  const [here, there, admins] = [1, 2, 3].map(() => openBrowser(started));
  await here!.signIn('ann');
  await there!.signIn('ann');
  await admins!.signIn('admin', ADMIN_PASSWORD);
  const end = (url: string) => here!.send({ method: 'DELETE', url });

  const list = (await here!.get(SESSIONS)).json();
  const [theirs] = (await admins!.get(SESSIONS)).json();
  const other = list.find(({ current }: { current: boolean }) => !current);
  const foreign = await end(`${SESSIONS}/${theirs.id}`);
  const ended = await end(`${SESSIONS}/${other.id}`);
  const again = await end(`${SESSIONS}/${other.id}`);

  assert.equal(list.length, 2);
  const { id, creation_time, update_time, ...rest } = other;
  assert.deepEqual(rest, { address: '127.0.0.1', client: 'lightMyRequest', current: false });
  assert.match(`${id} ${creation_time} ${update_time}`, /^\d+ \S+Z \S+Z$/);
  assert.deepEqual(
    [foreign, ended, again].map(({ statusCode }) => statusCode),
    [200, 200, 200],
  );
  assert.equal((await there!.get(CURRENT)).statusCode, 401);
  assert.equal((await admins!.get(CURRENT)).statusCode, 200);
  await there!.signIn('ann');
  assert.equal((await end(SESSIONS)).statusCode, 200);
  assert.equal((await there!.get(CURRENT)).statusCode, 401);
  assert.equal((await here!.get(CURRENT)).statusCode, 200);
});

test('a user has a hundred sessions; the longest unused ends for one more', async (t) => {
  const started = await startApp(t);
  const { db } = started.platform;
  const first = openBrowser(started);
  await first.signIn('admin', ADMIN_PASSWORD);
  const [row] = await db.selectFrom('session').selectAll().execute();
  const { id: _, token_hash: __, ...same } = row!;
  await leaveUnused(started, 30);
  const others = Array.from({ length: 99 }, (___, index) => ({
    ...same,
    token_hash: Buffer.from(`hash ${index}`),
  }));
  await db.insertInto('session').values(others).execute();

  await openBrowser(started).signIn('admin', ADMIN_PASSWORD);

  const { count } = await db
    .selectFrom('session')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  assert.equal(count, 100);
  assert.equal((await first.get(CURRENT)).statusCode, 401);
});

test('a request with a session hashes no password', async (t) => {
  const started = await startApp(t);
  const browser = openBrowser(started);
  await browser.signIn('admin', ADMIN_PASSWORD);
  let hashes = 0;
  const hook = createHook({
    init(_id, type) {
      if (type === 'ARGON2REQUEST') hashes += 1;
    },
  }).enable();
  t.after(() => hook.disable());

  for (let index = 0; index < 10; index++) await browser.get(CURRENT);

  assert.equal(hashes, 0);
});

const COOKIES = [
  'sid=',
  'sid',
  'sid=x',
  `sid=${'a'.repeat(43)}`,
  `sid=${'a'.repeat(9000)}`,
  '=;;;',
];

test('a cookie that is none is nobody’s, and is never a fault', async (t) => {
  const { app } = await startApp(t);

  for (const cookie of [...COOKIES, 'sid=%00', 'sid=\u00ff', `a=b; sid=${"' or 1=1"}`]) {
    const headers = { cookie };
    const current = await app.inject({ url: CURRENT, headers });
    const open = await app.inject({ url: '/api/v2.0/projects', headers });

    assert.deepEqual([current.statusCode, open.statusCode], [401, 200], cookie);
  }
});

test('the cookie goes over HTTPS only where clients come by HTTPS', async (t) => {
  const started = await startApp(t, {
    config: (values) => (values.external_url = 'https://registry.example.com'),
  });

  const reply = await openBrowser(started).signIn('admin', ADMIN_PASSWORD);

  assert.equal(cookieOf(reply)?.secure, true);
});

test('who signs in and out is in the audit log', async (t) => {
  const started = await startApp(t);
  const browser = openBrowser(started);

  await browser.signIn('admin', ADMIN_PASSWORD);
  await browser.get('/c/log_out');

  const rows = await started.platform.db
    .selectFrom('event_outbox')
    .select(['type', 'actor', 'subject'])
    .orderBy('id')
    .execute();
  assert.deepEqual(rows, [
    { type: 'user.signed_in', actor: 'admin', subject: { user: 'admin' } },
    { type: 'user.signed_out', actor: 'admin', subject: { user: 'admin' } },
  ]);
});

test('whether a name is taken is told to administrators, and to all who may make accounts', async (t) => {
  const started = await startApp(t);
  await started.createUser('ann');
  const browser = openBrowser(started);
  await browser.get('/c/login');
  const ask = async (payload: string) => {
    const url = '/c/userExists';
    const reply = await browser.send({ method: 'POST', url, headers: FORM, payload });
    return reply.statusCode === 200 ? reply.json() : reply.statusCode;
  };

  assert.equal(await ask('target=username&value=ann'), 412);
  await started.as('admin').put('/api/v2.0/configurations', { self_registration: true });
  assert.equal(await ask('target=username&value=ANN'), true);
  assert.equal(await ask('target=email&value=ann%40example.com'), true);
  assert.equal(await ask('target=username&value=bob'), false);
  assert.equal(await ask('target=password_hash&value=x'), 400);
  assert.equal(await ask('target=username&value=a%00'), 400);
  await started.as('admin').put('/api/v2.0/configurations', { self_registration: false });
  await browser.signIn('ann');
  assert.equal(await ask('target=username&value=ann'), 412);
  await browser.signIn('admin', ADMIN_PASSWORD);
  assert.equal(await ask('target=username&value=ann'), true);
});
