import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { test } from 'node:test';

import { ByteCache } from './byte-cache.ts';

test('what was kept is found as it was, whatever becomes of the buffers it came and went in', () => {
  const cache = new ByteCache(100_000);
  const bytes = Buffer.from('a manifest');

  cache.set('a', bytes);
  bytes.fill(0);
  cache.get('a')!.fill(0);

  assert.equal(cache.get('a')?.toString(), 'a manifest');
  assert.equal(cache.get('b'), undefined);
});

test('the oldest go first when there is no room', () => {
  const cache = new ByteCache(16_000);

  for (let i = 0; i < 20; i++) cache.set(`key ${i}`, Buffer.alloc(1000, i));

  assert.equal(cache.get('key 3'), undefined);
  assert.deepEqual(cache.get('key 4'), Buffer.alloc(1000, 4));
  assert.deepEqual(cache.get('key 19'), Buffer.alloc(1000, 19));
});

test('whatever the sizes are, nothing is mixed up, and the latest are there', () => {
  const cache = new ByteCache(50_000);
  const all: Buffer[] = [];

  for (let i = 0; i < 5000; i++) {
    all.push(randomBytes(randomInt(0, 3000)));
    cache.set(`key ${i}`, all[i]!);
    for (let back = 0; back < 8 && back <= i; back++) {
      assert.deepEqual(cache.get(`key ${i - back}`), all[i - back]);
    }
    const any = randomInt(0, i + 1);
    const kept = cache.get(`key ${any}`);
    if (kept !== undefined) assert.deepEqual(kept, all[any]);
  }
});

test('very many tiny entries are not kept', () => {
  const cache = new ByteCache(256_000);

  for (let i = 0; i < 10_000; i++) cache.set(`key ${i}`, Buffer.of(1));

  const kept = Array.from({ length: 10_000 }, (_, i) => cache.get(`key ${i}`));
  assert.equal(kept.filter((bytes) => bytes !== undefined).length, 1000);
});

test('one entry can not push out most others', () => {
  const cache = new ByteCache(16_000);
  cache.set('small', Buffer.alloc(10));

  cache.set('large', Buffer.alloc(1001));

  assert.equal(cache.get('large'), undefined);
  assert.equal(cache.get('small')?.length, 10);
});
