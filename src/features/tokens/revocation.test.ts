import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { basic } from '../../../test/harness/client.ts';
import { bearer, fetchToken } from '../../../test/harness/tokens.ts';
import { PASSWORD, startApp, type TestApp } from '../../../test/harness.ts';
import { clock } from '../../lib/clock.ts';

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const OTHER_PASSWORD = 'Passw0rdOther';

/** Owners of tokens are looked up once a second. */
function waitSecond(t: TestContext): void {
  const later = new Date(clock.now().getTime() + 1001);
  t.mock.method(clock, 'now', () => later);
}

async function userPath({ as }: TestApp, username: string): Promise<string> {
  const [user] = (await as('admin').get(`/api/v2.0/users/search?username=${username}`)).json();
  return `/api/v2.0/users/${user.user_id}`;
}

const changePassword = async (started: TestApp, username: string) =>
  started
    .as('admin')
    .put(`${await userPath(started, username)}/password`, { new_password: OTHER_PASSWORD });

test('a bearer token ends with its user, even when another takes the name', async (t) => {
  const started = await startApp(t);
  await started.createProject('team');
  await started.createUser('ann', { team: 2 });
  const token = await fetchToken(started, 'ann', 'repository:team/app:pull,push');
  const upload = () =>
    started.as('anonymous').post('/v2/team/app/blobs/uploads/', undefined, bearer(token));
  const before = await upload();

  await started.as('admin').delete(await userPath(started, 'ann'));
  await started.createUser('ann', { team: 2 });
  waitSecond(t);
  const after = await upload();

  assert.equal(before.statusCode, 202);
  assert.equal(after.statusCode, 401);
});

test('a bearer token ends with the password it was got with', async (t) => {
  const started = await startApp(t);
  await started.createUser('ann');
  const token = await fetchToken(started, 'ann');
  const ask = () => started.as('anonymous').get('/v2/', bearer(token));
  const before = await ask();

  await changePassword(started, 'ann');
  waitSecond(t);
  const after = await ask();

  assert.equal(before.statusCode, 200);
  assert.equal(after.statusCode, 401);
});

test('a bearer token of an administrator ends with their rights', async (t) => {
  const started = await startApp(t);
  await started.createUser('ann');
  const path = `${await userPath(started, 'ann')}/sysadmin`;
  await started.as('admin').put(path, { sysadmin_flag: true });
  const token = await fetchToken(started, 'ann', 'registry:catalog:*');
  const ask = () => started.as('anonymous').get('/v2/_catalog', bearer(token));
  const before = await ask();

  await started.as('admin').put(path, { sysadmin_flag: false });
  waitSecond(t);
  const after = await ask();

  assert.equal(before.statusCode, 200);
  assert.equal(after.statusCode, 401);
});

test('a bearer token ends with its time', async (t) => {
  const started = await startApp(t);
  const token = await fetchToken(started, 'admin');
  const ask = () => started.as('anonymous').get('/v2/', bearer(token));
  const before = await ask();

  const later = new Date(clock.now().getTime() + 631_000);
  t.mock.method(clock, 'now', () => later);
  const after = await ask();

  assert.equal(before.statusCode, 200);
  assert.equal(after.statusCode, 401);
  assert.match(after.json().errors[0].message, /expired/);
});

test('a token of a deleted project opens nothing in the next one of its name', async (t) => {
  const started = await startApp(t);
  await started.createProject('team');
  await started.createUser('ann', { team: 2 });
  await started.createUser('bob');
  const token = await fetchToken(started, 'ann', 'repository:team/app:pull,push');
  await started.as('admin').delete('/api/v2.0/projects/team');
  await started.as('bob').post('/api/v2.0/projects', { project_name: 'team' });

  const push = await started
    .as('anonymous')
    .post('/v2/team/app/blobs/uploads/', undefined, bearer(token));
  const pull = await started.as('anonymous').get('/v2/team/app/tags/list', bearer(token));

  assert.ok([401, 404].includes(push.statusCode), String(push.statusCode));
  assert.ok([401, 404].includes(pull.statusCode), String(pull.statusCode));
});

async function getRefreshToken({ as }: TestApp, username = 'ann'): Promise<string> {
  const form = new URLSearchParams({
    grant_type: 'password',
    username,
    password: PASSWORD,
    access_type: 'offline',
    client_id: 'test',
  });
  const reply = await as('anonymous').post('/service/token', form.toString(), FORM);
  return reply.json().refresh_token;
}

const refresh = ({ as }: TestApp, refresh_token: string, also: Record<string, string> = {}) =>
  as('anonymous').post(
    '/service/token',
    new URLSearchParams({ grant_type: 'refresh_token', refresh_token, ...also }).toString(),
    FORM,
  );

test('a refresh token gives bearer tokens as often as one likes', async (t) => {
  const started = await startApp(t);
  await started.createUser('ann');
  const token = await getRefreshToken(started);

  const replies = [await refresh(started, token), await refresh(started, token)];

  for (const reply of replies) {
    assert.equal(reply.statusCode, 200);
    const use = await started.as('anonymous').get('/v2/', bearer(reply.json().access_token));
    assert.equal(use.statusCode, 200);
  }
});

test('a refresh token can not be used to get another that is valid for longer', async (t) => {
  const started = await startApp(t);
  await started.createUser('ann');
  const token = await getRefreshToken(started);
  const listTokens = () => started.platform.db.selectFrom('refresh_token').selectAll().execute();
  const before = await listTokens();

  const reply = await refresh(started, token, { access_type: 'offline' });

  assert.equal(reply.json().refresh_token, token);
  assert.deepEqual(await listTokens(), before);
});

test('a user has at most a hundred refresh tokens: the oldest ends for the next', async (t) => {
  const started = await startApp(t);
  await started.createUser('ann');
  await started.createUser('bob');
  const first = await getRefreshToken(started);
  const second = await getRefreshToken(started);
  const ofBob = await getRefreshToken(started, 'bob');
  for (let index = 0; index < 99; index += 1) await getRefreshToken(started);

  assert.equal((await refresh(started, first)).statusCode, 401);
  assert.equal((await refresh(started, second)).statusCode, 200);
  assert.equal((await refresh(started, ofBob)).statusCode, 200);
});

test('a refresh token ends with a change of password, with its user and with its time', async (t) => {
  const ends: [what: string, end: (started: TestApp) => Promise<unknown>][] = [
    ['password', (started) => changePassword(started, 'ann')],
    ['user', async (started) => started.as('admin').delete(await userPath(started, 'ann'))],
    [
      'time',
      ({ platform: { db } }) =>
        db
          .updateTable('refresh_token')
          .set({ expires_at: new Date(0) })
          .execute(),
    ],
  ];
  for (const [what, end] of ends) {
    const started = await startApp(t);
    await started.createUser('ann');
    const token = await getRefreshToken(started);

    await end(started);
    const reply = await refresh(started, token);

    assert.equal(reply.statusCode, 401, what);
  }
});

test('a refresh token is kept as a hash only', async (t) => {
  const started = await startApp(t);
  await started.createUser('ann');
  const token = await getRefreshToken(started);

  const rows = await started.platform.db.selectFrom('refresh_token').selectAll().execute();

  const text = JSON.stringify(rows, (_key, value) =>
    value?.type === 'Buffer' ? Buffer.from(value.data).toString('latin1') : value,
  );
  assert.equal(rows.length, 1);
  assert.ok(!text.includes(token.slice(4)));
});

test('after a change of password the new one gives good tokens', async (t) => {
  const started = await startApp(t);
  await started.createUser('ann');
  await changePassword(started, 'ann');

  const reply = await started.app.inject({
    url: '/service/token?service=harbor-registry',
    headers: { authorization: basic('ann', OTHER_PASSWORD) },
  });
  const use = await started.as('anonymous').get('/v2/', bearer(reply.json().token));

  assert.equal(use.statusCode, 200);
});
