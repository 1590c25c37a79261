import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PASSWORD, startApp } from '../../../test/harness.ts';
import { generatePassword, requireStrongPassword } from './password.ts';

const USERS = '/api/v2.0/users';
const ann = {
  username: 'ann',
  email: 'ann@example.com',
  realname: 'Ann Arbor',
  password: PASSWORD,
};

const PASSWORDS: [password: string, isStrong: boolean][] = [
  ['Passw0rd', true],
  ['Pässwört1', true],
  ['Aa1:Aa1:', true],
  [`Aa1${'x'.repeat(125)}`, true],
  ['Passw0r', false],
  [`Aa1${'x'.repeat(126)}`, false],
  ['passw0rd', false],
  ['PASSW0RD', false],
  ['Password', false],
  ['', false],
];

test('a password has 8 to 128 characters with a lower one, an upper one and a digit', () => {
  for (const [password, isStrong] of PASSWORDS) {
    const check = () => requireStrongPassword(password);

    if (isStrong) assert.doesNotThrow(check, password);
    else assert.throws(check, { code: 'BAD_REQUEST' }, password);
  }
});

test('a generated password is strong and never the same', () => {
  const passwords = Array.from({ length: 100 }, generatePassword);

  for (const password of passwords) assert.doesNotThrow(() => requireStrongPassword(password));
  assert.equal(new Set(passwords).size, 100);
});

const FIT: Partial<typeof ann>[] = [
  { username: 'x' },
  { username: 'x'.repeat(255) },
  { username: 'Ann Arbor' },
  { username: 'Äµ-日本' },
  { username: "o'hara@example.com" },
  { username: '..' },
  { username: 'search' },
  { username: 'anonymous2' },
  { username: '유진 김' },
  { username: 'ann 🚢' },
  { realname: 'x'.repeat(255) },
];

test('names may hold what Harbor allows', async (t) => {
  const { as } = await startApp(t);

  for (const [index, change] of FIT.entries()) {
    const user = { ...ann, username: `user${index}`, email: `${index}@example.com`, ...change };
    const reply = await as('admin').post(USERS, user);

    assert.equal(reply.statusCode, 201, `${JSON.stringify(change)} ${reply.body}`);
  }
});

const UNFIT: [body: unknown, status: number][] = [
  [{ ...ann, username: '' }, 400],
  [{ ...ann, username: 'x'.repeat(256) }, 400],
  ...[',', '"', '~', '#', '%', '$'].map((letter): [unknown, number] => [
    { ...ann, username: `a${letter}` },
    400,
  ]),
  [{ ...ann, username: 'ann:x' }, 400],
  [{ ...ann, username: 'ann\0' }, 400],
  [{ ...ann, username: 'ann\nbob' }, 400],
  [{ ...ann, username: ' ann' }, 400],
  [{ ...ann, username: 'ann ' }, 400],
  // What nobody can see, or tell from another.
  ...[
    '\u00a0',
    '\u0085',
    '\u200b',
    '\u200d',
    '\u00ad',
    '\u202e',
    '\u2066',
    '\ufeff',
    '\u2028',
    '\u3000',
    '\u3164',
    '\u2800',
    '\ufe0f',
    '\ud800',
    '\udfff',
    '\ue000',
    '  ',
  ].map((letter): [unknown, number] => [{ ...ann, username: `an${letter}n` }, 400]),
  [{ ...ann, username: 'A\u0308nne' }, 400],
  [{ ...ann, username: 'anonymous' }, 400],
  [{ ...ann, username: 'Anonymous' }, 400],
  [{ ...ann, username: undefined }, 400],
  [{ ...ann, username: 7 }, 422],
  [{ ...ann, username: null }, 422],
  [{ ...ann, username: ['ann'] }, 422],
  [{ ...ann, username: { name: 'ann' } }, 422],
  [{ ...ann, realname: 'a\0' }, 400],
  [{ ...ann, realname: 'a#' }, 400],
  [{ ...ann, comment: 'x'.repeat(31) }, 400],
  [{ ...ann, comment: 'x\0' }, 400],
  [{ ...ann, email: 'ann' }, 400],
  [{ ...ann, email: 'a b@example.com' }, 400],
  [{ ...ann, email: `${'x'.repeat(250)}@example.com` }, 400],
  [{ ...ann, email: 'a\0@example.com' }, 400],
  [{ ...ann, password: 'weak' }, 400],
  [{ ...ann, password: `Aa1${'x'.repeat(5000)}` }, 400],
  [[], 422],
  ['text', 415],
  [undefined, 422],
];

test('a user that breaks a rule is refused, with the code that Harbor has for it', async (t) => {
  const { as } = await startApp(t);

  for (const [body, status] of UNFIT) {
    const reply = await as('admin').post(USERS, body as object);

    assert.equal(reply.statusCode, status, `${JSON.stringify(body)} ${reply.body}`);
    assert.ok(reply.json().errors[0].message.length > 0);
  }
  assert.equal((await as('admin').get(USERS)).headers['x-total-count'], '0');
});

const PATHS: [path: string, status: number][] = [
  ['/0', 422],
  ['/-1', 422],
  ['/1.9', 422],
  ['/0x1', 422],
  ['/true', 422],
  ['/1%00', 422],
  ['/%00', 422],
  ['/99999999999999999999', 422],
  ['/999999999999999', 404],
  ['/1%20or%201=1', 422],
  ['?page=0', 200],
  ['?page=-1', 422],
  ['?page=x', 422],
  ['?page=1.5', 422],
  ['?page=1&page=2', 422],
  ['?page=99999999999999999999', 422],
  ['?page=1000000000', 200],
  ['?page_size=101', 422],
  ['?page_size=-1', 422],
  ['?page_size=0', 200],
  ['?q=username%3D%00', 400],
  ['?q=username%3D~%00', 400],
  ['?q=a&q=b', 422],
  ['?sort=password_hash', 200],
  ['/search', 422],
  ['/search?username=', 422],
  ['/search?username=%00', 400],
  ['/search?username=%27%3B%20drop%20table%20user_account', 200],
];

test('hostile ids and queries are answered, and never with 500', async (t) => {
  const { as } = await startApp(t);

  for (const [path, status] of PATHS) {
    const reply = await as('admin').get(`${USERS}${path}`);

    assert.equal(reply.statusCode, status, `${path} ${reply.body}`);
  }
});
