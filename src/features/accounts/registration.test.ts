import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { openBrowser } from '../../../test/harness/browser.ts';
import { must } from '../../../test/harness/registry.ts';
import { PASSWORD, startApp } from '../../../test/harness.ts';
import { dispatching } from '../../platform/events/index.ts';

const API = '/api/v2.0';

async function start(t: TestContext) {
  const app = await startApp(t);
  const admin = app.as('admin');
  const browser = openBrowser(app);
  await browser.get('/c/login');
  return {
    ...app,
    admin,
    allow: () => admin.put(`${API}/configurations`, { self_registration: true }),
    register: (username: string, password = PASSWORD, remoteAddress = '192.0.2.1') =>
      browser.send({
        method: 'POST',
        url: `${API}/users`,
        payload: { username, password, realname: 'x', email: `${username}@example.com` },
        remoteAddress,
      }),
    async readLog() {
      await app.platform.recorder.flush();
      await dispatching.run(app.platform, new AbortController().signal);
      const reply = await admin.get(`${API}/auditlog-exts?q=resource_type=user,operation=create`);
      return reply
        .json<{ username: string; resource: string; result_code?: string; address: string }[]>()
        .map(({ username, resource, result_code = 'done', address }) =>
          [username, resource, result_code, address].join(' '),
        )
        .toReversed();
    },
  };
}

test('accounts that somebody may not make are in the audit log, as those that are made', async (t) => {
  const { as, createUser, allow, register, readLog } = await start(t);
  await createUser('bob');

  assert.equal((await register('early')).statusCode, 401);
  await allow();
  assert.equal((await register('ann')).statusCode, 201);
  assert.equal((await register('ann')).statusCode, 409);
  assert.equal((await register('weak', 'weak')).statusCode, 400);
  const body = { username: 'x', password: PASSWORD, realname: 'x', email: 'x@example.com' };
  assert.equal((await as('bob').post(`${API}/users`, body)).statusCode, 403);

  const log = (await readLog()).filter((entry) => !entry.startsWith('admin '));
  assert.deepEqual(log.toSorted(), [
    'anonymous ann CONFLICT 192.0.2.1',
    'anonymous ann done 192.0.2.1',
    'anonymous early UNAUTHORIZED 192.0.2.1',
    'bob x FORBIDDEN 127.0.0.1',
  ]);
});

test('one address can ask for some accounts in a row, then it has to wait; administrators never', async (t) => {
  const { admin, allow, register, readLog } = await start(t);
  await allow();

  const replies = await Promise.all(
    Array.from({ length: 20 }, (_, number) => register(`user${number}`, 'weak')),
  );
  assert.ok(replies.every(({ statusCode }) => statusCode === 400));
  let late = replies[0]!;
  for (let times = 0; late.statusCode !== 429 && times < 12; times++) {
    late = await register('late', 'weak'); // it has to wait longer each time
  }
  const elsewhere = await register('elsewhere', PASSWORD, '198.51.100.1');

  assert.equal(late.statusCode, 429);
  assert.match(late.json().errors[0].message, /try again in \d+ s/);
  assert.ok(Number(late.headers['retry-after']) >= 1);
  assert.equal(elsewhere.statusCode, 201);
  assert.ok((await readLog()).includes('anonymous late TOOMANYREQUESTS 192.0.2.1'));
  const made = { username: 'm', password: PASSWORD, realname: 'x', email: 'm@example.com' };
  must(await admin.post(`${API}/users`, made), 201);
});
