import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { decodeProtectedHeader } from 'jose';

import { bearer, fetchToken } from '../../../test/harness/tokens.ts';
import { startApp, type TestApp } from '../../../test/harness.ts';
import { clock } from '../../lib/clock.ts';
import { Secret } from '../../lib/secret.ts';
import type { Lookups } from '../../platform/db/lookups.ts';
import { createSecretBox, WrongKeyError } from '../../platform/secret-box.ts';
import { requireMatchingKey } from './secret-check.ts';
import { createSigningKeys } from './signing-keys.ts';
import { deleteSigningKeys } from './store.ts';

const DAY_MS = 86_400_000;

/** As if the keys had been made so long ago. */
async function age({ platform: { db } }: TestApp, milliseconds: number): Promise<void> {
  for (const key of await db.selectFrom('signing_key').selectAll().execute()) {
    await db
      .updateTable('signing_key')
      .set({
        created_at: new Date(key.created_at.getTime() - milliseconds),
        expires_at: new Date(key.expires_at.getTime() - milliseconds),
      })
      .where('kid', '=', key.kid)
      .execute();
  }
}

/** Keys are read again after a second. */
function waitSecond(t: TestContext): void {
  const later = new Date(clock.now().getTime() + 1001);
  t.mock.method(clock, 'now', () => later);
}

const countKeys = async ({ platform: { db } }: TestApp) =>
  (await db.selectFrom('signing_key').select('kid').execute()).length;

const mayEnter = async ({ as }: TestApp, token: string) =>
  (await as('anonymous').get('/v2/', bearer(token))).statusCode === 200;

test('two nodes take each other’s tokens', async (t) => {
  const one = await startApp(t);
  const two = await startApp(t, { besides: one });

  const ofOne = await fetchToken(one, 'admin');
  const ofTwo = await fetchToken(two, 'admin');

  assert.equal(await mayEnter(two, ofOne), true);
  assert.equal(await mayEnter(one, ofTwo), true);
  assert.equal(await countKeys(one), 1);
});

test('nodes that make their first key at once make one', async (t) => {
  const started = await startApp(t);
  const nodes = Array.from({ length: 6 }, () => createSigningKeys(started.platform));

  const keys = await Promise.all(nodes.map((node) => node.current()));

  assert.equal(new Set(keys.map(({ kid }) => kid)).size, 1);
  assert.equal(await countKeys(started), 1);
});

test('a new key takes over after its time, and tokens of the old one stay good', async (t) => {
  const one = await startApp(t);
  const two = await startApp(t, { besides: one });
  const old = await fetchToken(one, 'admin');
  await fetchToken(two, 'admin');

  await age(one, 30 * DAY_MS + 1000);
  waitSecond(t);
  const fresh = await fetchToken(one, 'admin');
  const freshOfTwo = await fetchToken(two, 'admin');

  assert.notEqual(decodeProtectedHeader(fresh).kid, decodeProtectedHeader(old).kid);
  assert.equal(decodeProtectedHeader(freshOfTwo).kid, decodeProtectedHeader(fresh).kid);
  for (const node of [one, two]) {
    assert.equal(await mayEnter(node, old), true);
    assert.equal(await mayEnter(node, fresh), true);
  }
});

test('a new key of another node is taken at once', async (t) => {
  const one = await startApp(t);
  const two = await startApp(t, { besides: one });
  await mayEnter(two, await fetchToken(two, 'admin'));
  await one.platform.db.deleteFrom('signing_key').execute();
  const three = await startApp(t, { besides: one });
  const fresh = await fetchToken(three, 'admin');

  assert.equal(await mayEnter(two, fresh), true);
});

test('an expired key verifies nothing and is removed', async (t) => {
  const one = await startApp(t);
  const old = await fetchToken(one, 'admin');

  await age(one, 31 * DAY_MS);
  const two = await startApp(t, { besides: one });
  const fresh = await fetchToken(two, 'admin');

  assert.equal(await mayEnter(two, old), false);
  assert.equal(await mayEnter(two, fresh), true);
  assert.equal(await countKeys(one), 1);
});

test('tokens end on every node when the keys are removed, and good ones are issued', async (t) => {
  const one = await startApp(t);
  const two = await startApp(t, { besides: one });
  const old = await fetchToken(one, 'admin');
  for (const node of [one, two]) assert.equal(await mayEnter(node, old), true);

  await deleteSigningKeys(one.platform.db);
  waitSecond(t);

  for (const node of [one, two]) assert.equal(await mayEnter(node, old), false);
  const fresh = [await fetchToken(one, 'admin'), await fetchToken(two, 'admin')];
  for (const node of [one, two]) {
    for (const token of fresh) assert.equal(await mayEnter(node, token), true);
  }
});

test('a node whose clock is wrong by weeks makes no keys, and locks no table', async (t) => {
  const one = await startApp(t);
  await fetchToken(one, 'admin');
  const { created_at } = await one.platform.db
    .selectFrom('signing_key')
    .select('created_at')
    .executeTakeFirstOrThrow();
  const locks = countCalls(one, 'transaction');

  const later = new Date(created_at.getTime() + 31 * DAY_MS);
  t.mock.method(clock, 'now', () => later);
  await createSigningKeys(locks.platform).current();

  assert.equal(locks.count(), 0);
  assert.equal(await countKeys(one), 1);
});

/** The platform, and how often this of its database was used. */
function countCalls({ platform }: TestApp, member: 'transaction') {
  let count = 0;
  const db = new Proxy(platform.db, {
    get(target, name) {
      if (name === member) count += 1;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { platform: { ...platform, db }, count: () => count };
}

test('all who want keys in the same second share two look-ups', async (t) => {
  const { platform } = await startApp(t);
  let lookups = 0;
  const counted: Lookups = {
    ...platform.lookups,
    batch: (statement) => (key) => {
      lookups += 1;
      return platform.lookups.batch<typeof key, never>(statement)(key);
    },
  };
  const { kid } = await createSigningKeys(platform).current();
  const keys = createSigningKeys({ ...platform, lookups: counted });

  const all = Array.from({ length: 50 }, () => Promise.all([keys.find(kid), keys.current()]));
  const found = await Promise.all(all);

  assert.equal(lookups, 2);
  assert.ok(found.every(([verify, current]) => verify !== undefined && current.kid === kid));
});

test('of two nodes with different secret keys on a new database, one may start', async (t) => {
  const { platform } = await startApp(t);
  const boxes = ['one', 'two'].map((word) => createSecretBox(new Secret(`${word} secret key`)));

  const starts = await Promise.allSettled(boxes.map((box) => requireMatchingKey(platform.db, box)));
  const again = await Promise.allSettled(boxes.map((box) => requireMatchingKey(platform.db, box)));

  assert.deepEqual(starts.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
  assert.deepEqual(
    again.map(({ status }) => status),
    starts.map(({ status }) => status),
  );
  const { reason } = starts.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
  assert.ok(reason instanceof WrongKeyError);
});

test('a secret key is refused where keys were sealed with another, and nothing said so yet', async (t) => {
  const { platform } = await startApp(t);
  await createSigningKeys(platform).current();
  const other = createSecretBox(new Secret('another secret key'));

  await assert.rejects(requireMatchingKey(platform.db, other), WrongKeyError);
  await requireMatchingKey(platform.db, platform.secretBox);
  await deleteSigningKeys(platform.db);
  await requireMatchingKey(platform.db, other);
});

test('a private key is sealed in the database, and another secret_key says so', async (t) => {
  const { platform } = await startApp(t);
  await createSigningKeys(platform).current();
  const other = {
    ...platform,
    secretBox: createSecretBox(new Secret('another secret key '.repeat(2))),
  };

  await assert.rejects(createSigningKeys(other).current(), /secret_key is not the one/);
  const [row] = await platform.db.selectFrom('signing_key').selectAll().execute();
  assert.ok(!row!.private_key.includes(Buffer.from('2a8648ce3d030107', 'hex')), 'the OID of P-256');
});
