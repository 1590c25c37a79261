import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';

import { startApp } from '../../test/harness.ts';

type Method = 'GET' | 'HEAD' | 'PUT' | 'POST' | 'PATCH' | 'DELETE' | 'OPTIONS';

// Attack 5 (Harbor CVE-2020-29662): other spellings of a path that needs a right.
const PATHS: [method: Method, path: string, status: number][] = [
  ['GET', '/v2', 401],
  ['GET', '//v2/', 401],
  ['GET', '/v2//', 401],
  ['GET', '//v2/_catalog', 401],
  ['GET', '/v2//_catalog', 401],
  ['GET', '/v2/_catalog?n=1', 401],
  ['HEAD', '/v2/_catalog', 401],
  ['GET', '/v2/_catalog/', 404],
  ['GET', '/v2/_catalog;x', 404],
  ['GET', '/v2;/_catalog', 404],
  ['GET', '/v2/_CATALOG', 404],
  ['GET', '/V2/', 404],
  ['GET', '/V2/_catalog', 404],
  ['GET', '/v2/../v2/_catalog', 404],
  ['GET', '/v2/%2e%2e/v2/_catalog', 404],
  ['GET', '/./v2/_catalog', 404],
  ['GET', '/v2%2f_catalog', 404],
  ['GET', '/v2/%5fcatalog', 401],
  ['GET', '/v2\\_catalog', 404],
  ['GET', '/v2x', 404],
  ['GET', '/v2/library/app/tags/list/', 404],
  ['GET', '/v2/library//app/tags/list', 401],
  ['GET', '/v2/library%2fapp/tags/list', 400],
  ['GET', '/v2/library/%2e%2e/app/tags/list', 400],
  ['GET', '/v2/library/app%00/tags/list', 400],
  ['GET', '/v2/library/APP/tags/list', 400],
  ['GET', '/api/v2.0/users', 401],
  ['GET', '/api//v2.0///users', 401],
  ['GET', '/api/v2.0/users/', 401],
  ['GET', '/api/v2.0/users;x', 404],
  ['GET', '/API/v2.0/users', 404],
  ['GET', '/api/v2.0/ping/../users', 404],
  ['GET', '/api/v2.0/%75sers', 401],
  ['GET', '/', 404],
  ['GET', '/%zz', 400],
  ['GET', '/%00', 404],
  // Another method of a path that is there.
  ['OPTIONS', '/v2/_catalog', 405],
  ['POST', '/v2/_catalog', 405],
  ['PUT', '/v2/', 405],
  ['POST', '/v2/library/app/tags/list', 405],
  ['PATCH', '/api/v2.0/users', 405],
  ['PUT', '/api/v2.0/projects', 405],
  ['POST', '/api/v2.0/users/current', 405],
  ['DELETE', '/service/token', 405],
  ['POST', '/metrics', 405],
];

interface RawReply {
  status: number | undefined;
  requestId: unknown;
  body: string;
}

/** Sends the path as it is, without resolving its dots. */
const sendRaw = (origin: string, method: Method, path: string) =>
  new Promise<RawReply>((resolve, reject) => {
    const { hostname, port } = new URL(origin);
    const sent = request({ hostname, port, method, path, agent: false }, (reply) => {
      let body = '';
      reply.on('data', (chunk: Buffer) => (body += chunk.toString()));
      reply.on('end', () => {
        resolve({ status: reply.statusCode, requestId: reply.headers['x-request-id'], body });
      });
    });
    sent.on('error', reject).end();
  });

test('no other spelling of a path or method gets past the permission', async (t) => {
  const { listen } = await startApp(t);
  const origin = await listen();

  for (const [method, path, status] of PATHS) {
    const reply = await sendRaw(origin, method, path);

    assert.equal(reply.status, status, `${method} ${path} ${reply.body}`);
    assert.ok(reply.requestId, `${method} ${path}`);
    if (method !== 'HEAD') assert.ok(JSON.parse(reply.body).errors[0].code, `${method} ${path}`);
  }
});

test('a refused method is answered with those there are', async (t) => {
  const { app } = await startApp(t);

  const api = await app.inject({ method: 'PATCH', url: '/api/v2.0/users' });
  const registry = await app.inject({ method: 'POST', url: '/v2/_catalog' });

  assert.equal(api.headers.allow, 'GET, HEAD, POST');
  assert.equal(api.json().errors[0].code, 'METHOD_NOT_ALLOWED');
  assert.equal(registry.headers.allow, 'GET, HEAD');
  assert.equal(registry.json().errors[0].code, 'UNSUPPORTED');
});

const JSON_TYPE = { 'content-type': 'application/json' };
const BODIES: [what: string, body: string, headers: Record<string, string>, status: number][] = [
  ['cut off', '{"project_name":', JSON_TYPE, 400],
  ['no JSON', 'project_name=a', JSON_TYPE, 400],
  ['empty', '', JSON_TYPE, 422],
  ['a prototype', '{"project_name":"a","__proto__":{"x":1}}', JSON_TYPE, 400],
  ['very deep', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, JSON_TYPE, 400],
  ['very long', `{"project_name":"${'a'.repeat(1_100_000)}"}`, JSON_TYPE, 413],
  ['a form', 'project_name=a', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
  ['text', '{"project_name":"a"}', { 'content-type': 'text/plain' }, 415],
  ['XML', '<a/>', { 'content-type': 'application/xml' }, 415],
  ['a type that is none', '{}', { 'content-type': '§§' }, 415],
];

test('a body that is not the JSON of an API is refused', async (t) => {
  const { as } = await startApp(t);

  for (const [what, body, headers, status] of BODIES) {
    const reply = await as('admin').post('/api/v2.0/projects', body, headers);
    assert.equal(reply.statusCode, status, `${what} ${reply.body}`);
  }
});

test('a request without a body may name the type that its body would have', async (t) => {
  const { as, createProject } = await startApp(t);
  await createProject('team');

  const read = await as('admin').get('/api/v2.0/projects/team', JSON_TYPE);
  const deleted = await as('admin').delete('/api/v2.0/projects/team', JSON_TYPE);

  assert.equal(read.statusCode, 200);
  assert.equal(deleted.statusCode, 200);
});

test('in Harbor’s API a slash at the end of a path means nothing', async (t) => {
  const { as } = await startApp(t);
  const admin = as('admin');

  const list = await admin.get('/api/v2.0/quotas/?page=1&page_size=1');
  const made = await admin.post('/api/v2.0/projects/', { project_name: 'team' });

  assert.equal(list.json().length, 1);
  assert.equal(made.headers.location, '/api/v2.0/projects/2');
  assert.equal((await admin.get('/api/v2.0/projects/2/')).json().name, 'team');
  assert.equal((await admin.get('/api/v2.0/projects/team/metadatas/')).statusCode, 200);
  assert.equal((await admin.get('/api/v2.0/')).statusCode, 404);
});

// Where null has a meaning of its own, as in metadata, it stays: see the rooms.
const NULLS: [path: string, body: object, status: number][] = [
  ['projects', { project_name: 'a', metadata: null, storage_limit: null, public: null }, 201],
  ['projects', { project_name: null }, 422],
  ['labels', { name: 'a', scope: 'g', description: null, project_id: null, color: null }, 201],
  ['labels', { name: 'b', scope: null }, 400],
  ['usergroups', { group_name: 'a', group_type: 3, ldap_group_dn: null, id: null }, 201],
  [
    'projects/a/members',
    { role_id: 1, member_user: null, member_group: { id: 1, group_name: null } },
    201,
  ],
];

test('a member of a body that is null is one that is left out', async (t) => {
  const { as } = await startApp(t);

  for (const [path, body, status] of NULLS) {
    const reply = await as('admin').post(`/api/v2.0/${path}`, body);
    assert.equal(reply.statusCode, status, `${path} ${reply.body}`);
  }
});

test('the request id is the client’s, or a new one when that is odd', async (t) => {
  const { as } = await startApp(t);
  const idFor = async (given?: string) => {
    const headers = given === undefined ? {} : { 'x-request-id': given };
    return String((await as('anonymous').get('/api/v2.0/ping', headers)).headers['x-request-id']);
  };
  const fresh = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;

  assert.equal(await idFor('abc-123'), 'abc-123');
  assert.match(await idFor(), fresh);
  assert.notEqual(await idFor(), await idFor());
  assert.match(await idFor('a b'), fresh);
  assert.match(await idFor('x'.repeat(1000)), fresh);
  assert.match(await idFor('"},{"level":"fatal'), fresh);
});

test('what is no HTTP is answered with 400, and others are served on', async (t) => {
  const { listen } = await startApp(t);
  const url = new URL(await listen());
  const send = (text: string) =>
    new Promise<string>((resolve, reject) => {
      const socket = connect(Number(url.port), url.hostname, () => socket.end(text));
      let answer = '';
      socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
      socket.on('close', () => resolve(answer));
      socket.on('error', reject);
    });

  assert.match(await send('GARBAGE\r\n\r\n'), /^HTTP\/1\.1 400 /);
  assert.match(await send('GET / HTTP/1.1\r\n\r\n'), /^HTTP\/1\.1 400 /, 'no host');
  assert.match(
    await send(
      'GET /v2/ HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n',
    ),
    /^HTTP\/1\.1 400 /,
    'two lengths',
  );
  assert.equal((await fetch(`${url.href}api/v2.0/ping`)).status, 200);
});

const nest = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
const FAULTS: [what: string, body: string, message: RegExp][] = [
  ['nested', `{"project_name":"deep","metadata":{"public":${nest(10_000)}}}`, /nested more than/],
  [
    'long',
    `{"project_name":"long","cve_allowlist":{"items":[${'1,'.repeat(300_000)}1]}}`,
    /values/,
  ],
  [
    'half',
    String.raw`{"project_name":"half","metadata":{"x":"\ud800y"}}`,
    /character that is none/,
  ],
  ['key', String.raw`{"project_name":"half","metadata":{"x\ud800":"y"}}`, /character that is none/],
];
for (const [what, payload, message] of FAULTS) {
  test(`a body that no schema should have to look at is refused: ${what}`, async (t) => {
    const { app } = await startApp(t);
    const reply = await app.inject({
      method: 'POST',
      url: '/api/v2.0/projects',
      headers: {
        authorization: `Basic ${btoa('admin:Adm1nAdm1n')}`,
        'content-type': 'application/json',
      },
      payload,
    });

    assert.equal(reply.statusCode, 400);
    assert.match(reply.json().errors[0].message, message);
  });
}
