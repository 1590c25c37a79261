import assert from 'node:assert/strict';
import { test } from 'node:test';

import { openBrowser } from '../../../../test/harness/browser.ts';
import { ADMIN_PASSWORD, startApp } from '../../../../test/harness.ts';

const CONFIGURATIONS = '/api/v2.0/configurations';
const CURRENT = '/api/v2.0/users/current';
const change = { method: 'PUT', url: CONFIGURATIONS, payload: { ldap_timeout: 6 } } as const;

test('a refused request tells the token with which it passes, as Harbor does', async (t) => {
  const started = await startApp(t);
  const browser = openBrowser(started);
  const form = {
    method: 'POST',
    url: '/c/login',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: `principal=admin&password=${ADMIN_PASSWORD}`,
  } as const;

  const first = await browser.send(form);
  const second = await browser.send(form);

  assert.equal(first.statusCode, 403);
  assert.equal(first.json().errors[0].code, 'FORBIDDEN');
  const { value, ...attributes } = first.cookies.find(({ name }) => name === '_gorilla_csrf')!;
  assert.ok(value.length > 20);
  assert.deepEqual(attributes, {
    name: '_gorilla_csrf',
    path: '/',
    httpOnly: true,
    sameSite: 'Strict',
    maxAge: 43_200,
  });
  assert.equal(second.statusCode, 200);
  assert.equal(second.headers['x-harbor-csrf-token'], first.headers['x-harbor-csrf-token']);
});

test('with a session, what changes something needs the token of the cookie', async (t) => {
  const started = await startApp(t);
  const browser = openBrowser(started);
  const other = openBrowser(started);
  await other.get('/c/login');
  await browser.signIn('admin', ADMIN_PASSWORD);
  const { token } = browser;
  const seed = browser.cookies.get('_gorilla_csrf')!;
  const status = async (csrf: string | undefined, cookies: Record<string, string>) => {
    browser.token = csrf;
    browser.cookies.delete('_gorilla_csrf');
    for (const [name, value] of Object.entries(cookies)) browser.cookies.set(name, value);
    return (await browser.send(change)).statusCode;
  };

  assert.equal(await status(token, { _gorilla_csrf: seed }), 200);
  assert.equal(await status(undefined, { _gorilla_csrf: seed }), 403);
  assert.equal(await status('', { _gorilla_csrf: seed }), 403);
  assert.equal(await status(seed, { _gorilla_csrf: seed }), 403);
  assert.equal(await status(`${token}x`, { _gorilla_csrf: seed }), 403);
  assert.equal(await status(other.token, { _gorilla_csrf: seed }), 403);
  assert.equal(await status(token, {}), 403);
  assert.equal(await status(token, { _gorilla_csrf: 'x' }), 403);
  assert.equal(await status(token, { _gorilla_csrf: '' }), 403);
});

test('reading needs no token, and gives it', async (t) => {
  const started = await startApp(t);
  const browser = openBrowser(started);
  await browser.signIn('admin', ADMIN_PASSWORD);
  const { token } = browser;
  browser.token = undefined;

  const read = await browser.get(CURRENT);

  assert.equal(read.statusCode, 200);
  assert.equal(read.headers['x-harbor-csrf-token'], token);
});

test('a token of one node is good on every other', async (t) => {
  const here = await startApp(t);
  const there = await startApp(t, { besides: here });
  const browser = openBrowser(here);
  await browser.signIn('admin', ADMIN_PASSWORD);
  const moved = openBrowser(there);
  Object.assign(moved, { cookies: browser.cookies, token: browser.token });

  assert.equal((await moved.send(change)).statusCode, 200);
});

test('who shows a password and no session needs no token; with a session also then', async (t) => {
  const started = await startApp(t);
  const plain = await started.as('admin').put(CONFIGURATIONS, change.payload);
  const headers = { cookie: 'sid=anything' };
  const carried = await started.as('admin').put(CONFIGURATIONS, change.payload, headers);

  assert.equal(plain.statusCode, 200);
  assert.equal(plain.headers['x-harbor-csrf-token'], undefined);
  assert.equal(plain.headers['set-cookie'], undefined);
  assert.equal(carried.statusCode, 403);
});

test('a browser that says another site made it send something is refused, whatever it shows', async (t) => {
  const started = await startApp(t);
  const browser = openBrowser(started);
  await browser.signIn('admin', ADMIN_PASSWORD);
  const from = async (site: string) => [
    (await browser.send({ ...change, headers: { 'sec-fetch-site': site } })).statusCode,
    (await started.as('admin').put(CONFIGURATIONS, change.payload, { 'sec-fetch-site': site }))
      .statusCode,
  ];

  assert.deepEqual(await from('cross-site'), [403, 403]);
  assert.deepEqual(await from('same-site'), [403, 403]);
  assert.deepEqual(await from('same-origin'), [200, 200]);
  assert.deepEqual(await from('none'), [200, 200]);
  const link = await browser.get(CURRENT, { 'sec-fetch-site': 'cross-site' });
  assert.equal(link.statusCode, 200);
});
