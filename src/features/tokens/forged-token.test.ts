import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { test } from 'node:test';

import { decodeJwt, SignJWT, type JWTHeaderParameters, type JWTPayload } from 'jose';

import { bearer, fetchToken } from '../../../test/harness/tokens.ts';
import { startApp, type TestApp } from '../../../test/harness.ts';
import { createSigningKeys } from './signing-keys.ts';

interface Material {
  kid: string;
  /** The registry's own private key. */
  key: KeyObject;
  /** The claims of a good token. */
  claims: JWTPayload;
  now: number;
}

interface Forgery {
  what: string;
  header?: Record<string, unknown>;
  claims?: Record<string, unknown>;
  key?: KeyObject | Uint8Array;
}

const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const attackerJwk = pair.publicKey.export({ format: 'jwk' });

/** Attack 14: distribution CVE-2025-24976, Harbor #23270 and their like. */
const FORGERIES: ((good: Material) => Forgery)[] = [
  () => ({ what: 'signed by another key', key: pair.privateKey }),
  () => ({ what: 'its own key embedded', key: pair.privateKey, header: { jwk: attackerJwk } }),
  () => ({ what: 'a certificate embedded', key: pair.privateKey, header: { x5c: ['MIIB'] } }),
  () => ({ what: 'a key to fetch', key: pair.privateKey, header: { jku: 'http://192.0.2.1/' } }),
  () => ({ what: 'a certificate to fetch', header: { x5u: 'http://192.0.2.1/' } }),
  () => ({ what: 'a good signature with a key beside it', header: { jwk: attackerJwk } }),
  () => ({ what: 'an unknown kid', header: { kid: 'unknown' } }),
  () => ({ what: 'a kid that is a path', header: { kid: '../../../dev/null' } }),
  () => ({ what: 'a kid that is SQL', header: { kid: "' or 1=1 --" } }),
  () => ({ what: 'a kid of every object', header: { kid: '__proto__' } }),
  () => ({ what: 'a kid with NUL', header: { kid: '\0' } }),
  () => ({ what: 'no kid', header: { kid: undefined } }),
  () => ({ what: 'a kid that is no text', header: { kid: ['x'] } }),
  () => ({ what: 'another type', header: { typ: 'at+jwt' } }),
  () => ({ what: 'no type', header: { typ: undefined } }),
  () => ({ what: 'RS256', header: { alg: 'RS256' }, key: rsa.privateKey }),
  ({ key }) => ({
    what: 'HS256 with the public key for a secret',
    header: { alg: 'HS256' },
    key: Buffer.from(key.export({ type: 'pkcs8', format: 'der' })),
  }),
  ({ now }) => ({ what: 'expired', claims: { iat: now - 700, nbf: now - 700, exp: now - 100 } }),
  ({ now }) => ({ what: 'valid for years', claims: { iat: now - 86_400, exp: now + 86_400 } }),
  ({ now }) => ({ what: 'from the future', claims: { iat: now + 300, nbf: now + 300 } }),
  ({ now }) => ({ what: 'not valid yet', claims: { nbf: now + 300 } }),
  () => ({ what: 'no end', claims: { exp: undefined } }),
  () => ({ what: 'no beginning', claims: { iat: undefined } }),
  () => ({ what: 'no first moment', claims: { nbf: undefined } }),
  () => ({ what: 'no subject', claims: { sub: undefined } }),
  () => ({ what: 'no issuer', claims: { iss: undefined } }),
  () => ({ what: 'another issuer', claims: { iss: 'harbor-token-issuer' } }),
  () => ({ what: 'no audience', claims: { aud: undefined } }),
  () => ({ what: 'another audience', claims: { aud: 'elsewhere' } }),
  () => ({ what: 'an end that is text', claims: { exp: '9999999999' } }),
  () => ({ what: 'no list of what it allows', claims: { access: undefined } }),
  () => ({ what: 'a list that is none', claims: { access: 'everything' } }),
  () => ({ what: 'a user who is nobody', claims: { user: { id: 4711 } } }),
  () => ({ what: 'a user without a mark', claims: { user: { id: 1 } } }),
];

async function prepare(started: TestApp): Promise<Material> {
  const token = await fetchToken(started, 'admin', 'registry:catalog:*');
  const { kid, key } = await createSigningKeys(started.platform).current();
  return { kid, key, claims: decodeJwt(token), now: Math.floor(Date.now() / 1000) };
}

async function forge({ kid, key, claims }: Material, forgery: Partial<Forgery>): Promise<string> {
  const header = { alg: 'ES256', typ: 'JWT', kid, ...forgery.header } as JWTHeaderParameters;
  return new SignJWT({ ...claims, ...forgery.claims })
    .setProtectedHeader(header)
    .sign(forgery.key ?? key);
}

test('a forged token is refused', async (t) => {
  const started = await startApp(t);
  const good = await prepare(started);
  const untouched = await started.as('anonymous').get('/v2/', bearer(await forge(good, {})));

  assert.equal(untouched.statusCode, 200, 'the test itself forges well');
  for (const make of FORGERIES) {
    const forgery = make(good);
    const token = await forge(good, forgery);

    const reply = await started.as('anonymous').get('/v2/_catalog', bearer(token));

    assert.equal(reply.statusCode, 401, forgery.what);
    assert.match(String(reply.headers['www-authenticate']), /error="invalid_token"/, forgery.what);
  }
});

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

test('a token that is none is refused', async (t) => {
  const started = await startApp(t);
  const { claims, kid } = await prepare(started);
  const good = await fetchToken(started, 'admin');
  const [header, payload, signature] = good.split('.') as [string, string, string];
  const tampered = encode({ ...claims, user: { id: 1, isSysadmin: true } });
  const texts = [
    `${encode({ alg: 'none', typ: 'JWT', kid })}.${payload}.`,
    `${encode({ alg: 'None', typ: 'JWT', kid })}.${payload}.${signature}`,
    `${header}.${tampered}.${signature}`,
    `${header}.${payload}.`,
    `${header}.${payload}`,
    `${header}.${payload}.${signature}.${signature}`,
    `${header}.${payload}.${Buffer.alloc(64).toString('base64url')}`,
    `${encode({ alg: 'ES256', typ: 'JWT', kid, crit: ['b64'], b64: false })}.${payload}.${signature}`,
    `${encode([])}.${payload}.${signature}`,
    `${encode(null)}.${payload}.${signature}`,
    'x',
    '...',
    'a'.repeat(30_000),
    kid,
  ];

  for (const text of texts) {
    const reply = await started.as('anonymous').get('/v2/', bearer(text));

    assert.equal(reply.statusCode, 401, text.slice(0, 100));
    assert.equal(reply.json().errors[0].code, 'UNAUTHORIZED');
  }
});

test('a token of another registry is refused', async (t) => {
  const here = await startApp(t);
  const there = await startApp(t);
  const token = await fetchToken(there, 'admin', 'registry:catalog:*');

  const reply = await here.as('anonymous').get('/v2/_catalog', bearer(token));

  assert.equal(reply.statusCode, 401);
});

test('a token is for /v2, not for the API', async (t) => {
  const started = await startApp(t);
  const token = await fetchToken(started, 'admin', 'registry:catalog:*');

  for (const url of ['/api/v2.0/users/current', '/api/v2.0/projects', '/service/token']) {
    const reply = await started.as('anonymous').get(url, bearer(token));

    assert.equal(reply.statusCode, 401, url);
  }
});
