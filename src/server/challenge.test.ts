import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bearer, fetchToken } from '../../test/harness/tokens.ts';
import { startApp } from '../../test/harness.ts';

const DIGEST = `sha256:${'0'.repeat(64)}`;

/** Method, path, and the scope that the challenge names. */
const ROWS: [
  method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'PATCH' | 'DELETE',
  path: string,
  scope: string,
][] = [
  ['GET', '/v2/', ''],
  ['GET', '/v2', ''],
  ['GET', '/v2/_catalog', 'registry:catalog:*'],
  ['GET', '/v2/team/app/manifests/latest', 'repository:team/app:pull'],
  ['HEAD', '/v2/team/app/manifests/latest', 'repository:team/app:pull'],
  ['GET', '/v2/team/a/b/tags/list', 'repository:team/a/b:pull'],
  ['GET', `/v2/team/app/blobs/${DIGEST}`, 'repository:team/app:pull'],
  ['GET', `/v2/team/app/referrers/${DIGEST}`, 'repository:team/app:pull'],
  ['POST', '/v2/team/app/blobs/uploads/', 'repository:team/app:pull,push'],
  ['PUT', '/v2/team/app/manifests/latest', 'repository:team/app:pull,push'],
  ['DELETE', '/v2/team/app/manifests/latest', 'repository:team/app:delete'],
  ['DELETE', `/v2/team/app/blobs/${DIGEST}`, 'repository:team/app:delete'],
  ['GET', '//v2//team/app/tags/list', 'repository:team/app:pull'],
];

test('a challenge names the token service and the scope of the request', async (t) => {
  const { app } = await startApp(t);

  for (const [method, url, scope] of ROWS) {
    const reply = await app.inject({ method, url, headers: { host: 'registry.example:5000' } });

    const wanted = `Bearer realm="http://registry.example:5000/service/token",service="harbor-registry"`;
    assert.equal(reply.statusCode, 401, `${method} ${url}`);
    assert.equal(
      reply.headers['www-authenticate'],
      scope === '' ? wanted : `${wanted},scope="${scope}"`,
      `${method} ${url}`,
    );
    assert.equal(reply.headers['docker-distribution-api-version'], 'registry/2.0');
  }
});

test('the body of a challenge says what was missing', async (t) => {
  const { as, createUser, createProject } = await startApp(t);
  await createProject('team');
  await createUser('ann', { team: 3 });

  const asked = await as('ann').post('/v2/team/app/blobs/uploads/');
  const unasked = await as('anonymous').get('/v2/team/app/tags/list');

  const [error] = asked.json().errors;
  assert.equal(asked.statusCode, 401);
  assert.equal(error.code, 'UNAUTHORIZED');
  assert.match(error.message, /push/);
  assert.deepEqual(
    error.detail.map((missing: { Action: string }) => missing.Action),
    ['pull', 'push'],
  );
  assert.equal(error.detail[0].Name, 'team/app');
  assert.match(unasked.json().errors[0].message, /authentication required/);
});

test('a token without the right is sent to get another one', async (t) => {
  const started = await startApp(t);
  await started.createProject('team');
  const token = await fetchToken(started, 'admin', 'repository:team/app:pull');

  const reply = await started
    .as('anonymous')
    .post('/v2/team/app/blobs/uploads/', undefined, bearer(token));

  assert.equal(reply.statusCode, 401);
  assert.match(
    String(reply.headers['www-authenticate']),
    /scope="repository:team\/app:pull,push",error="insufficient_scope"$/,
  );
});

test('a repository that is private and one that is not there are refused alike', async (t) => {
  const { as, createUser, createProject } = await startApp(t);
  await createProject('team');
  await createUser('eve');

  for (const who of ['anonymous', 'eve']) {
    const there = await as(who).get('/v2/team/app/manifests/latest');
    const missing = await as(who).get('/v2/mate/app/manifests/latest');

    assert.equal(there.statusCode, 401);
    assert.equal(missing.statusCode, 401);
    assert.equal(missing.body.replaceAll('mate', 'team'), there.body);
  }
});

interface Row {
  what: string;
  trusted?: string[];
  externalUrl?: string;
  headers: Record<string, string>;
  realm: string;
}

const FORWARDED = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'public.example' };
const REALMS: Row[] = [
  { what: 'the host asked for', headers: { host: 'a.example' }, realm: 'http://a.example' },
  {
    what: 'an IPv6 host',
    headers: { host: '[2001:db8::1]:8080' },
    realm: 'http://[2001:db8::1]:8080',
  },
  {
    what: 'the external URL before anything else',
    externalUrl: 'https://registry.example.com/',
    trusted: ['127.0.0.1'],
    headers: { host: 'a.example', ...FORWARDED },
    realm: 'https://registry.example.com',
  },
  {
    what: 'not what a stranger says was forwarded',
    headers: { host: 'a.example', ...FORWARDED },
    realm: 'http://a.example',
  },
  {
    what: 'not what another proxy says was forwarded',
    trusted: ['192.0.2.0/24'],
    headers: { host: 'a.example', ...FORWARDED },
    realm: 'http://a.example',
  },
  {
    what: 'what a trusted proxy says was forwarded',
    trusted: ['127.0.0.0/8'],
    headers: { host: 'a.example', ...FORWARDED },
    realm: 'https://public.example',
  },
  {
    what: 'no host that ends the quotes',
    headers: { host: 'a.example",service="evil' },
    realm: 'http://localhost',
  },
  {
    what: 'no forwarded host that ends the quotes',
    trusted: ['127.0.0.1'],
    headers: { host: 'a.example', 'x-forwarded-host': 'x"y/z?' },
    realm: 'http://localhost',
  },
  {
    what: 'no protocol beside http and https',
    trusted: ['127.0.0.1'],
    headers: { host: 'a.example', 'x-forwarded-proto': 'javascript:"' },
    realm: 'http://a.example',
  },
];

test('the realm is the address that clients know', async (t) => {
  for (const { what, trusted, externalUrl, headers, realm } of REALMS) {
    const { app } = await startApp(t, {
      config: (values) => {
        values.trusted_proxies = trusted ?? [];
        if (externalUrl !== undefined) values.external_url = externalUrl;
      },
    });

    const reply = await app.inject({ url: '/v2/', headers, remoteAddress: '127.0.0.1' });

    const [, given] =
      /realm="([^"]*)\/service\/token"/.exec(String(reply.headers['www-authenticate'])) ?? [];
    assert.equal(given, realm, what);
  }
});
