import assert from 'node:assert/strict';
import { createHook } from 'node:async_hooks';
import { test, type TestContext } from 'node:test';

import { sql } from 'kysely';

import { basic, client } from '../../../../test/harness/client.ts';
import { must } from '../../../../test/harness/registry.ts';
import { createRobot, grant, ROBOTS, type TestRobot } from '../../../../test/harness/robots.ts';
import { bearer } from '../../../../test/harness/tokens.ts';
import { PASSWORD, startApp, type TestApp } from '../../../../test/harness.ts';
import { clock } from '../../../lib/clock.ts';

const PULL = [grant('team', 'repository:pull')];
const TAGS = '/v2/team/app/tags/list';

async function start(t: TestContext) {
  const app = await startApp(t);
  await app.createProject('team');
  return { ...app, admin: app.as('admin') };
}

/** What is remembered of robots and settings is a second old now. */
function waitSecond(t: TestContext): void {
  const later = new Date(clock.now().getTime() + 1001);
  t.mock.method(clock, 'now', () => later);
}

async function fetchToken(robot: TestRobot): Promise<string> {
  const reply = await robot.get('/service/token?scope=repository:team/app:pull');
  return must(reply, 200).json().token;
}

/** With what was got with basic authentication, and with that itself. */
async function statuses(app: TestApp, robot: TestRobot, token: string) {
  const withToken = await app.as('anonymous').get(TAGS, bearer(token));
  return [(await robot.get(TAGS)).statusCode, withToken.statusCode];
}

test('a robot signs in with its name, with and without the prefix', async (t) => {
  const app = await start(t);
  const { secret } = await createRobot(app, { name: 'ci', permissions: PULL });
  const system = await createRobot(app, { name: 'ops', permissions: [grant('*', 'quota:read')] });
  const signIn = async (name: string, password: string) =>
    (await client(app.app, name, password).get('/v2/')).statusCode;
  const names: [name: string, password: string, status: number][] = [
    ['robot$team+ci', secret, 200],
    ['team+ci', secret, 200],
    ['ci', secret, 401],
    ['robot$ci', secret, 401],
    ['ROBOT$team+ci', secret, 401],
    ['robot$team+CI', secret, 401],
    ['robot$robot$team+ci', secret, 401],
    ['robot$team+ci', `${secret} `, 401],
    ['robot$team+ci', system.secret, 401],
    ['bot-team+ci', secret, 401],
    ['robot$ops', system.secret, 200],
    ['ops', system.secret, 200],
    ['robot$', secret, 401],
    ['+ci', secret, 401],
  ];

  for (const [name, password, status] of names) {
    assert.equal(await signIn(name, password), status, name);
  }

  must(await app.admin.put('/api/v2.0/configurations', { robot_name_prefix: 'bot-' }), 200);
  const renamed = (await app.admin.get(`${ROBOTS}/${system.id}`)).json();

  assert.equal(renamed.name, 'bot-ops');
  assert.equal(await signIn('bot-team+ci', secret), 200);
  assert.equal(await signIn('robot$team+ci', secret), 200);
});

test('a user is not kept out by a robot of the same name', async (t) => {
  const app = await start(t);
  const { secret } = await createRobot(app, {
    name: 'ann',
    permissions: [grant('*', 'quota:read')],
  });
  await app.createUser('ann');

  const user = await app.as('ann').get('/api/v2.0/users/current');
  const robot = await client(app.app, 'robot$ann', secret).get('/v2/');
  const mixed = await client(app.app, 'ann', secret).get('/v2/');

  assert.equal(user.statusCode, 200);
  assert.equal(robot.statusCode, 200);
  assert.equal(mixed.statusCode, 401);
});

test('no user gets a name that could be a robot’s', async (t) => {
  const app = await start(t);
  must(await app.admin.put('/api/v2.0/configurations', { robot_name_prefix: 'bot-' }), 200);

  await assert.rejects(app.createUser('bot-ci'), /are those of robots/);
  await assert.rejects(app.createUser('BOT-ci'), /are those of robots/);
  await app.createUser('botanist');
});

test('pages of users are not for robots, and say so', async (t) => {
  const app = await start(t);
  const robot = await createRobot(app, { name: 'ci', permissions: PULL });

  const reply = await robot.get('/api/v2.0/users/current');

  assert.equal(reply.statusCode, 412);
  assert.match(reply.json().errors[0].message, /robot\$team\+ci is a robot account/);
});

test('a generated secret costs no hash of a password, however often it is used or guessed right', async (t) => {
  const app = await start(t);
  const robot = await createRobot(app, { name: 'ci', permissions: PULL });
  let hashes = 0;
  const hook = createHook({
    init(_id, type) {
      if (type === 'ARGON2REQUEST') hashes += 1;
    },
  }).enable();
  t.after(() => hook.disable());

  await Promise.all(Array.from({ length: 50 }, () => robot.get('/v2/')));
  const used = hashes;
  await client(app.app, robot.name, 'Wr0ngWr0ng').get('/v2/');

  assert.equal(used, 0);
  assert.equal(hashes, 1, 'a wrong one takes as long as that of a name nobody has');
});

test('a right generated secret is let in while wrong ones are told to wait', async (t) => {
  const app = await start(t);
  const robot = await createRobot(app, { name: 'ci', permissions: PULL });
  const wrong = client(app.app, robot.name, 'Wr0ngWr0ng');
  for (let index = 0; index < 7; index += 1) await wrong.get('/v2/');

  const refused = await wrong.get('/v2/');
  const right = await robot.get('/v2/');

  assert.equal(refused.statusCode, 429);
  assert.equal(right.statusCode, 200);
});

test('a chosen secret signs in, and is not kept in a form that can be tried quickly', async (t) => {
  const app = await start(t);
  const robot = await createRobot(app, { name: 'ci', permissions: PULL, secret: PASSWORD });
  const rows = await app.platform.db.selectFrom('robot_secret').select('hash').execute();

  assert.equal(robot.secret, PASSWORD);
  assert.equal((await robot.get('/v2/')).statusCode, 200);
  assert.match(rows[0]!.hash, /^\$argon2id\$/);
});

const ENDS: [
  what: string,
  end: (app: Awaited<ReturnType<typeof start>>, path: string) => unknown,
][] = [
  ['deleted', ({ admin }, path) => admin.delete(path)],
  [
    'disabled',
    async ({ admin }, path) => {
      const robot = (await admin.get(path)).json();
      await admin.put(path, { ...robot, disable: true });
    },
  ],
  ['given another secret', ({ admin }, path) => admin.patch(path, { secret: '' })],
  [
    'expired',
    ({ platform: { db } }) =>
      sql`update robot set expires_at = now() - interval '1 second'`.execute(db),
  ],
  ['in a project that is deleted', ({ admin }) => admin.delete('/api/v2.0/projects/team')],
];

for (const [what, end] of ENDS) {
  test(`a robot that is ${what} is signed out, its bearer tokens too`, async (t) => {
    const app = await start(t);
    const robot = await createRobot(app, { name: 'ci', permissions: PULL });
    const token = await fetchToken(robot);
    const before = await statuses(app, robot, token);

    await end(app, `${ROBOTS}/${robot.id}`);
    waitSecond(t);
    const after = await statuses(app, robot, token);
    const anywhere = await robot.get('/api/v2.0/ping');

    assert.deepEqual(before, [404, 404]);
    assert.deepEqual(after, [401, 401]);
    assert.equal(anywhere.statusCode, 401);
  });
}

test('a robot that has lost rights has lost them in its bearer tokens', async (t) => {
  const app = await start(t);
  const robot = await createRobot(app, { name: 'ci', permissions: PULL });
  const path = `${ROBOTS}/${robot.id}`;
  const read = (await app.admin.get(path)).json();
  const token = await fetchToken(robot);

  must(await app.admin.put(path, { ...read, description: 'the same rights' }), 200);
  waitSecond(t);
  const same = await statuses(app, robot, token);
  must(await app.admin.put(path, { ...read, permissions: [grant('team', 'quota:read')] }), 200);
  waitSecond(t);
  const narrowed = await statuses(app, robot, token);

  assert.deepEqual(same, [404, 404]);
  assert.deepEqual(narrowed, [401, 401]);
});

test('why it may not sign in is told to the robot, and to nobody else', async (t) => {
  const app = await start(t);
  const robot = await createRobot(app, { name: 'ci', permissions: PULL });
  const ask = async (secret: string): Promise<string> =>
    (await client(app.app, robot.name, secret).get('/api/v2.0/ping')).json().errors[0].message;

  await sql`update robot set expires_at = now()`.execute(app.platform.db);
  const expired = await ask(robot.secret);
  await sql`update robot set is_disabled = true`.execute(app.platform.db);

  assert.match(expired, /robot\$team\+ci has expired/);
  assert.match(await ask(robot.secret), /robot\$team\+ci is disabled/);
  assert.match(await ask('Wr0ngWr0ng'), /the user name or the password is wrong/);
});

test('a secret that is being replaced is good until its time', async (t) => {
  const app = await start(t);
  const robot = await createRobot(app, { name: 'ci', permissions: PULL });
  const path = `${ROBOTS}/${robot.id}`;
  const patch = async (body: object) => must(await app.admin.patch(path, body), 200).json();
  const signIn = async (secret: string) =>
    (await client(app.app, robot.name, secret).get('/v2/')).statusCode;
  const keep_old_until = Math.floor(Date.now() / 1000) + 3600;
  const token = await fetchToken(robot);

  const second = (await patch({ secret: '', keep_old_until })).secret;
  const both = [await signIn(robot.secret), await signIn(second)];
  waitSecond(t);
  const tokenOfOld = (await app.as('anonymous').get(TAGS, bearer(token))).statusCode;
  const { secrets } = (await app.admin.get(path)).json();
  const third = (await patch({ keep_old_until })).secret;
  const afterThird = [await signIn(robot.secret), await signIn(second), await signIn(third)];
  await sql`update robot_secret set expires_at = now() where expires_at is not null`.execute(
    app.platform.db,
  );
  const afterTime = [await signIn(second), await signIn(third)];
  const chosen = await patch({ secret: PASSWORD });
  const afterChoice = [await signIn(third), await signIn(PASSWORD)];

  assert.deepEqual(both, [200, 200]);
  assert.equal(tokenOfOld, 404);
  assert.deepEqual(
    secrets.map(({ expires_at }: { expires_at: number }) => expires_at),
    [-1, keep_old_until],
  );
  assert.deepEqual(afterThird, [401, 200, 200]);
  assert.deepEqual(afterTime, [401, 200]);
  assert.deepEqual(chosen, { secret: '' });
  assert.deepEqual(afterChoice, [401, 200]);
});

const UNFIT: [what: string, body: object, status: number][] = [
  ['a time that is over', { keep_old_until: 1 }, 400],
  ['a time that is none', { keep_old_until: 'tomorrow' }, 422],
  ['a time beyond all calendars', { keep_old_until: 1e15 }, 400],
  ['a weak secret', { secret: 'secret' }, 400],
];

test('a secret that can not be is refused, and the one there is goes on', async (t) => {
  const app = await start(t);
  const robot = await createRobot(app, { name: 'ci', permissions: PULL });

  for (const [what, body, status] of UNFIT) {
    const reply = await app.admin.patch(`${ROBOTS}/${robot.id}`, body);
    assert.equal(reply.statusCode, status, `${what} ${reply.body}`);
  }
  assert.equal((await robot.get('/v2/')).statusCode, 200);
});

test('of secrets that are replaced at the same time one is left, and it signs in', async (t) => {
  const app = await start(t);
  const robot = await createRobot(app, { name: 'ci', permissions: PULL });
  const replies = await Promise.all(
    Array.from({ length: 8 }, () => app.admin.patch(`${ROBOTS}/${robot.id}`, {})),
  );

  const answers = await Promise.all(
    replies.map((reply) => client(app.app, robot.name, reply.json().secret).get('/v2/')),
  );

  const signedIn = answers.filter(({ statusCode }) => statusCode === 200);
  assert.equal(signedIn.length, 1);
});

test('the last use is shown, of the robot and of each secret', async (t) => {
  const app = await start(t);
  const robot = await createRobot(app, { name: 'ci', permissions: PULL });
  const read = async () => (await app.admin.get(`${ROBOTS}/${robot.id}`)).json();
  const unused = await read();

  await robot.get('/v2/');
  let used = await read();
  while (used.last_used_time === undefined) used = await read();
  await sql`update robot_secret set last_used_at = now() - interval '1 hour'`.execute(
    app.platform.db,
  );
  await Promise.all([robot.get('/v2/'), robot.get('/v2/')]);
  let later = await read();
  while (later.last_used_time === used.last_used_time) later = await read();

  assert.equal(unused.last_used_time, undefined);
  assert.equal(unused.secrets[0].last_used_time, undefined);
  assert.ok(Date.parse(used.last_used_time) >= Date.parse(used.creation_time));
  assert.equal(used.secrets[0].last_used_time, used.last_used_time);
  assert.ok(Date.parse(later.last_used_time) > Date.parse(used.last_used_time));
});

test('a robot gets no refresh token, which would outlive its secret', async (t) => {
  const app = await start(t);
  const robot = await createRobot(app, { name: 'ci', permissions: PULL });
  const form = new URLSearchParams({
    grant_type: 'password',
    access_type: 'offline',
    username: robot.name,
    password: robot.secret,
    scope: 'repository:team/app:pull',
  });

  const reply = await app.as('anonymous').post('/service/token', form.toString(), {
    'content-type': 'application/x-www-form-urlencoded',
  });

  assert.equal(reply.statusCode, 200);
  assert.equal(reply.json().refresh_token, undefined);
  assert.equal(reply.json().scope, 'repository:team/app:pull');
});

test('a robot is limited as a user is, whatever its address', async (t) => {
  const now = performance.now();
  t.mock.method(performance, 'now', () => now);
  const app = await startApp(t, {
    config: (values) => {
      Object.assign(values.rate_limits, { user_requests_per_second: 1, burst_seconds: 1 });
    },
  });
  const admin = app.as('admin');
  const body = {
    name: 'ci',
    level: 'project',
    duration: 1,
    permissions: [grant('library', 'quota:read')],
  };
  const { name, secret } = (await admin.post(ROBOTS, body)).json();
  const ask = (remoteAddress: string) =>
    app.app.inject({ url: '/v2/', remoteAddress, headers: { authorization: basic(name, secret) } });

  const replies = [];
  for (let index = 1; index <= 4; index += 1) replies.push(await ask(`192.0.2.${index}`));

  assert.equal(replies[0]!.statusCode, 200);
  assert.equal(replies.at(-1)!.statusCode, 429);
});
