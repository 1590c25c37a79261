import assert from 'node:assert/strict';
import { test } from 'node:test';

import { decodeJwt, decodeProtectedHeader } from 'jose';

import { PASSWORD, startApp, type TestApp } from '../../../test/harness.ts';

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

interface Access {
  type: string;
  name: string;
  actions: string[];
}

/** What the token allows, as `team/app:pull,push`. */
function listAccess(token: string): string[] {
  const { access } = decodeJwt<{ access: Access[] }>(token);
  return access.map(({ name, actions }) => `${name}:${actions.join(',')}`);
}

async function ask({ as }: TestApp, username: string, query: string) {
  const reply = await as(username).get(`/service/token?${query}`);
  return reply.statusCode === 200 ? listAccess(reply.json().token) : reply.statusCode;
}

async function post({ as }: TestApp, form: Record<string, string>) {
  return as('anonymous').post('/service/token', new URLSearchParams(form).toString(), FORM);
}

async function startWithProjects(t: Parameters<typeof startApp>[0]): Promise<TestApp> {
  const started = await startApp(t);
  await started.createProject('team');
  await started.createProject('open', true);
  await started.createUser('ann', { team: 2 });
  await started.createUser('bob', { team: 3 });
  await started.createUser('eve');
  return started;
}

test('a token says for whom and from whom it is, and until when', async (t) => {
  const started = await startWithProjects(t);

  const reply = await started.as('ann').get('/service/token?service=harbor-registry');

  const { token, access_token, expires_in, issued_at } = reply.json();
  const claims = decodeJwt(token);
  assert.equal(access_token, token);
  assert.equal(expires_in, 600);
  assert.equal(new Date(issued_at).getTime() / 1000, claims.iat);
  assert.equal(claims.exp, claims.iat! + 600);
  assert.equal(claims.nbf, claims.iat);
  assert.equal(claims.sub, 'ann');
  assert.equal(claims.aud, 'harbor-registry');
  assert.ok(claims.jti);
  const header = decodeProtectedHeader(token);
  assert.deepEqual(Object.keys(header).toSorted(), ['alg', 'kid', 'typ']);
  assert.equal(header.alg, 'ES256');
});

const PULL = 'scope=repository:team/app:pull';
const PUSH = 'scope=repository:team/app:pull,push';
const ALL = 'scope=repository:team/app:*';
const ROWS: [who: string, query: string, access: string[] | number][] = [
  ['ann', PUSH, ['team/app:pull,push']],
  ['ann', PULL, ['team/app:pull']],
  ['ann', ALL, ['team/app:pull,push']],
  ['admin', ALL, ['team/app:pull,push,delete']],
  ['bob', PUSH, ['team/app:pull']],
  ['bob', 'scope=repository:team/app:push', []],
  ['eve', PUSH, []],
  ['eve', 'scope=repository:open/app:pull,push', ['open/app:pull']],
  ['anonymous', PUSH, []],
  ['anonymous', 'scope=repository:open/app:pull,push', ['open/app:pull']],
  ['anonymous', '', 401],
  ['anonymous', 'scope=', 401],
  ['ann', '', []],
  ['ann', `${PULL}&scope=repository:open/x/y:pull`, ['team/app:pull', 'open/x/y:pull']],
  [
    'ann',
    'scope=repository:team/app:pull%20repository:open/x:pull',
    ['team/app:pull', 'open/x:pull'],
  ],
  ['ann', `${PULL}&scope=repository:team/app:push`, ['team/app:pull,push']],
  ['ann', 'scope=repository(plugin):team/app:pull', ['team/app:pull']],
  // What is not understood gives nothing, and nothing else.
  ['ann', 'scope=repository:team:pull', []],
  ['ann', 'scope=repository:TEAM/app:pull', []],
  ['ann', 'scope=repository:team/app', []],
  ['ann', 'scope=repository:team/app:own', []],
  ['ann', 'scope=repository:team/../open/app:pull', []],
  ['ann', 'scope=repository:team/app%00:pull', []],
  ['ann', 'scope=repository:team%00/app:pull', []],
  ['ann', 'scope=repository:nothing/app:pull', []],
  ['ann', 'scope=image:team/app:pull', []],
  ['ann', 'scope=%00', []],
  ['ann', 'scope=:::::', []],
  ['ann', `service=harbor-registry&${PULL}`, ['team/app:pull']],
  ['ann', `service=elsewhere&${PULL}`, 400],
  ['ann', `service=harbor-registry&service=elsewhere&${PULL}`, 400],
  ['ann', `account=eve&client_id=docker&offline_token=true&${PULL}`, ['team/app:pull']],
];

test('a token holds what was asked for and is allowed, and nothing else', async (t) => {
  const started = await startWithProjects(t);

  for (const [who, query, access] of ROWS) {
    assert.deepEqual(await ask(started, who, query), access, `${who} ${query}`);
  }
});

test('a thousand scopes are answered with some', async (t) => {
  const started = await startWithProjects(t);
  const scopes = Array.from({ length: 1000 }, (_, index) => `repository:team/app${index}:pull`);

  const access = await ask(started, 'ann', `scope=${scopes.join('%20')}`);

  assert.ok(Array.isArray(access) && access.length > 0 && access.length < 1000);
});

test('the catalog is for whoever is signed in and asks for it', async (t) => {
  const started = await startWithProjects(t);
  const hasCatalog = async (who: string, scope: string) => {
    const reply = await started.as(who).get(`/service/token?scope=${scope}`);
    return decodeJwt(reply.json().token)['catalog'] === true;
  };

  assert.equal(await hasCatalog('ann', 'registry:catalog:*'), true);
  assert.equal(await hasCatalog('ann', 'repository:team/app:pull'), false);
  assert.equal(await hasCatalog('anonymous', 'registry:catalog:*'), false);
});

test('wrong credentials get no token, not even an anonymous one', async (t) => {
  const { app } = await startWithProjects(t);

  const reply = await app.inject({
    url: '/service/token?scope=repository:open/app:pull',
    headers: { authorization: `Basic ${Buffer.from('ann:Wr0ngPassword').toString('base64')}` },
  });

  assert.equal(reply.statusCode, 401);
  assert.equal(reply.json().token, undefined);
});

test('the form of OAuth 2 gives a token for a password', async (t) => {
  const started = await startWithProjects(t);
  const form = {
    grant_type: 'password',
    service: 'harbor-registry',
    client_id: 'containerd',
    username: 'ann',
    password: PASSWORD,
    scope: 'repository:team/app:pull,push',
  };

  const reply = await post(started, form);

  assert.equal(reply.statusCode, 200);
  assert.deepEqual(listAccess(reply.json().access_token), ['team/app:pull,push']);
  assert.equal(reply.json().refresh_token, undefined);
});

const FORMS: [form: Record<string, string>, status: number][] = [
  [{ grant_type: 'password', username: 'ann', password: 'Wr0ngPassword' }, 401],
  [{ grant_type: 'password', username: 'ann' }, 400],
  [{ grant_type: 'password', username: 'a\0', password: PASSWORD }, 401],
  [{ grant_type: 'password', username: '', password: '', scope: 'repository:open/a:pull' }, 200],
  [{ grant_type: 'password', username: 'ann', password: PASSWORD, service: 'elsewhere' }, 400],
  [{ grant_type: 'refresh_token', refresh_token: 'rsr_unknown' }, 401],
  [{ grant_type: 'refresh_token' }, 401],
  [{ grant_type: 'client_credentials' }, 400],
  [{ username: 'ann', password: PASSWORD }, 400],
  [{}, 400],
];

test('the form’s answer names the scope that was given, which no cache keeps', async (t) => {
  const started = await startWithProjects(t);
  const form = { grant_type: 'password', username: 'bob', password: PASSWORD };
  const scope = 'repository:team/app:pull,push registry:catalog:* repository:nothing/app:pull';

  const some = await post(started, { ...form, scope });
  const none = await post(started, form);
  const plain = await started.as('bob').get('/service/token');

  assert.equal(some.json().scope, 'repository:team/app:pull registry:catalog:*');
  assert.equal(none.json().scope, '');
  for (const reply of [some, none, plain]) assert.equal(reply.headers['cache-control'], 'no-store');
});

test('a form of thousands of members is refused', async (t) => {
  const started = await startWithProjects(t);
  const body = Array.from({ length: 12_000 }, (_, index) => index.toString(36)).join('&');

  const reply = await started.as('anonymous').post('/service/token', body, FORM);

  assert.equal(reply.statusCode, 400);
  assert.match(reply.json().errors[0].message, /at most 100/);
});

test('a form that lacks something or is wrong gets no token', async (t) => {
  const started = await startWithProjects(t);

  for (const [form, status] of FORMS) {
    const reply = await post(started, form);
    assert.equal(reply.statusCode, status, `${JSON.stringify(form)} ${reply.body}`);
  }
  const twice = await started
    .as('anonymous')
    .post('/service/token', 'grant_type=password&username=ann&username=bob&password=x', FORM);
  assert.equal(twice.statusCode, 400);
  const json = await started.as('anonymous').post('/service/token', '{"grant_type":', {
    'content-type': 'application/json',
  });
  assert.equal(json.statusCode, 400);
});
