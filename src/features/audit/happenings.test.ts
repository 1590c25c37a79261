import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { sql } from 'kysely';

import { PASSWORD, startApp, type TestApp, type TestOptions } from '../../../test/harness.ts';
import { openBrowser } from '../../../test/harness/browser.ts';
import { basic } from '../../../test/harness/client.ts';
import { pushImage } from '../../../test/harness/registry.ts';
import { createRobot, grant } from '../../../test/harness/robots.ts';
import { dispatching } from '../../platform/events/index.ts';

interface Entry {
  username: string;
  operation_description: string;
  operation_result: boolean;
  result_code?: string;
  address: string;
  after?: { count?: number; digest?: string };
}

async function start(t: TestContext, options: TestOptions = {}) {
  const app = await startApp(t, options);
  await app.createProject('team');
  await app.createUser('ann', { team: 1 });
  await app.createUser('guest', { team: 3 });
  return app;
}

async function read({ as, platform }: TestApp, query: string, path = ''): Promise<Entry[]> {
  await platform.recorder.flush();
  await dispatching.run(platform, new AbortController().signal);
  const reply = await as('admin').get(`/api/v2.0${path}/auditlog-exts?page_size=100&${query}`);
  return reply.json<Entry[]>().toReversed();
}

const short = ({ username, operation_description, result_code = 'done' }: Entry) =>
  `${username}: ${operation_description}: ${result_code}`;

test('sign-ins are in the log, with a password and with a form, right and wrong', async (t) => {
  const app = await start(t);
  await app.createUser('other');
  const form = (username: string, password: string) =>
    app.app.inject({
      method: 'POST',
      url: '/service/token',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: new URLSearchParams({
        grant_type: 'password',
        service: 'harbor-registry',
        username,
        password,
      }).toString(),
    });
  const ask = (authorization: string) =>
    app.app.inject({ url: '/api/v2.0/users/current', headers: { authorization } });

  await app.as('ann').get('/api/v2.0/users/current');
  await app.as('ann').get('/api/v2.0/users/current');
  await ask(basic('ann', 'wrong'));
  await ask(basic('no\0body', 'wrong'));
  await form('guest', PASSWORD);
  await form('guest', 'wrong');
  await openBrowser(app).signIn('other');
  await openBrowser(app).signIn('other', 'wrong');
  const log = await read(
    app,
    'q=resource_type=user,operation=login,username={ann nobody guest other}',
  );

  assert.deepEqual(log.map(short).toSorted(), [
    'ann: login user: ann: UNAUTHORIZED',
    'ann: login user: ann: done',
    'guest: login user: guest: UNAUTHORIZED',
    'guest: login user: guest: done',
    'nobody: login user: nobody: UNAUTHORIZED',
    'other: login user: other: UNAUTHORIZED',
    'other: login user: other: done',
  ]);
  assert.ok(log.every(({ address }) => address === '127.0.0.1'));
  const twice = log.find((entry) => short(entry) === 'ann: login user: ann: done');
  assert.deepEqual(twice?.after, { count: 2 });
});

test('a pull is in the log; who only asks whether something is there pulls nothing', async (t) => {
  const app = await start(t);
  const { digest } = await pushImage(app.as('admin'), 'team/app', 'v1');
  const guest = app.as('guest');
  const url = '/v2/team/app/manifests';

  await guest.head(`${url}/v1`);
  await guest.get(`${url}/v1`, { 'if-none-match': `"${digest}"` });
  await guest.get(`${url}/v2`);
  await guest.get(`${url}/v1`);
  await guest.get(`${url}/v1`);
  await guest.get(`${url}/${digest}`);
  const log = await read(app, 'q=operation=pull', '/projects/team');

  assert.deepEqual(log.map(short), [
    'guest: pull artifact: team/app:v1: done',
    `guest: pull artifact: team/app@${digest}: done`,
  ]);
  assert.deepEqual(log[0]!.after, { digest, count: 2 });
});

for (const [pulls, setting, expected] of [
  ['strict', {}, 2],
  ['batched', {}, 0], // not yet
  ['off', {}, 0],
  ['strict', { pull_audit_log_disable: true }, 0],
  ['strict', { disabled_audit_log_event_types: 'create_user, pull_artifact' }, 0],
] as const) {
  test(`pulls are written before they are answered: ${pulls} ${JSON.stringify(setting)}`, async (t) => {
    const app = await start(t, { config: (values) => (values.audit.pulls = pulls) });
    await pushImage(app.as('admin'), 'team/app', 'v1');
    await app.as('admin').put('/api/v2.0/configurations', setting);

    await app.as('guest').get('/v2/team/app/manifests/v1');
    await app.as('guest').get('/v2/team/app/manifests/v1');
    await dispatching.run(app.platform, new AbortController().signal);
    const log = await app.as('admin').get('/api/v2.0/auditlog-exts?q=operation=pull');

    assert.equal(log.json().length, expected);
  });
}

test('a strict pull that can not be written down is refused', async (t) => {
  const app = await start(t, { config: (values) => (values.audit.pulls = 'strict') });
  await pushImage(app.as('admin'), 'team/app', 'v1');
  t.mock.method(app.platform.recorder, 'write', () =>
    Promise.reject(Object.assign(new Error('gone'), { code: '57P01' })),
  );

  const reply = await app.as('guest').get('/v2/team/app/manifests/v1');

  assert.equal(reply.statusCode, 503);
});

test('what somebody may not do is in the log of the project, also when they ask for a token', async (t) => {
  const app = await start(t);
  await pushImage(app.as('admin'), 'team/app', 'v1');
  const guest = app.as('guest');

  await guest.delete('/api/v2.0/projects/team/repositories/app');
  await guest.put('/v2/team/app/manifests/v2', '{}');
  await guest.get('/service/token?scope=repository:team/app:pull,push&service=harbor-registry');
  await guest.get('/service/token?scope=repository:team/app:pull&service=harbor-registry');
  await guest.get('/service/token?scope=repository:team/app:*&service=harbor-registry');
  await app.as('anonymous').delete('/api/v2.0/projects/team');
  await guest.delete('/api/v2.0/users/1');
  const inProject = await read(app, 'q=operation_result=false', '/projects/team');
  const all = await read(app, 'q=operation_result=false');

  assert.deepEqual(inProject.map(short).toSorted(), [
    'guest: delete repository: team: FORBIDDEN',
    'guest: push repository: team/app: DENIED',
    'guest: push repository: team/app: UNAUTHORIZED',
  ]);
  assert.deepEqual(
    all.map(short).filter((entry) => !inProject.map(short).includes(entry)),
    ['guest: delete user: : FORBIDDEN'],
  );
});

test('what somebody may not do is in the log, whoever finds that out', async (t) => {
  const app = await start(t);
  const robot = await createRobot(app, {
    name: 'ci',
    permissions: [grant('team', 'repository:pull')],
  });
  const guest = app.as('guest');

  const replies = [
    await guest.put('/api/v2.0/users/1/password', { new_password: 'Passw0rdOther' }),
    await guest.put(`/api/v2.0/robots/${robot.id}`, {
      name: robot.name,
      level: 'project',
      duration: -1,
      permissions: [grant('team', 'repository:pull')],
    }),
    await guest.delete('/api/v2.0/projects/team'),
  ];
  const log = await read(app, 'q=username=guest,operation_result=false&sort=id');

  assert.deepEqual(
    replies.map(({ statusCode }) => statusCode),
    [403, 403, 403],
  );
  assert.deepEqual(log.map(short).toSorted(), [
    'guest: delete project: team: FORBIDDEN',
    'guest: update robot: team: FORBIDDEN',
    'guest: update user: : FORBIDDEN',
  ]);
});

test('no name that somebody makes up, and no number of them, stops the log', async (t) => {
  const app = await start(t);
  const guest = app.as('guest');
  const long = Array.from({ length: 1020 }, (_, index) =>
    String.fromCodePoint(0x4e00 + index * 13),
  );

  await guest.get(`/api/v2.0/projects/${encodeURIComponent(long.join(''))}`);
  for (let number = 0; number < 60; number += 1) {
    await guest.get(`/api/v2.0/projects/none${number}`);
  }
  await sql`insert into event_outbox (type, subject, actor, client, after)
    values ('access.refused', ${JSON.stringify({ project: long.join('') })}::jsonb, ${long.join('')}, ${long.join('')}, null)`.execute(
    app.platform.db,
  );
  await app.createProject('next');
  const log = await read(app, 'sort=id');

  assert.ok(log.map(short).includes('admin: create project: next: done'));
  assert.ok(log.map(short).includes('system:others: refuse access: : FORBIDDEN'));
  const left = await sql`select from event_outbox`.execute(app.platform.db);
  assert.equal(left.rows.length, 0);
});
