import assert from 'node:assert/strict';
import { test } from 'node:test';

import { decodeProtectedHeader } from 'jose';

import { bearer, fetchToken } from '../../../test/harness/tokens.ts';
import { startApp, type TestApp } from '../../../test/harness.ts';
import { clock } from '../../lib/clock.ts';
import { Secret } from '../../lib/secret.ts';
import { createSecretBox } from '../../platform/secret-box.ts';
import { createSigningKeys } from './signing-keys.ts';

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
  const later = new Date(clock.now().getTime() + 61_000); // keys are read again after a minute
  t.mock.method(clock, 'now', () => later);
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

/** The platform, and how often its table of keys was read. */
function countReads({ platform }: TestApp) {
  let reads = 0;
  const db = new Proxy(platform.db, {
    get(target, name) {
      if (name === 'selectFrom') reads += 1;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { platform: { ...platform, db }, reads: () => reads };
}

test('all who want keys at once share one read', async (t) => {
  const started = await startApp(t);
  const { kid } = await createSigningKeys(started.platform).current();
  const { platform, reads } = countReads(started);
  const keys = createSigningKeys(platform);

  const found = await Promise.all(Array.from({ length: 50 }, () => keys.find(kid)));

  assert.equal(reads(), 1);
  assert.ok(found.every((key) => key !== undefined));
});

test('a flood of unknown keys reads the database at most ten times a second', async (t) => {
  const started = await startApp(t);
  await createSigningKeys(started.platform).current();
  const { platform, reads } = countReads(started);
  const keys = createSigningKeys(platform);
  await keys.current();
  const begin = performance.now();

  for (let wave = 0; wave < 3; wave += 1) {
    await Promise.all(Array.from({ length: 50 }, (_, i) => keys.find(`unknown ${wave} ${i}`)));
  }

  assert.equal(reads(), 1 + 3);
  assert.ok(performance.now() - begin > 250);
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
