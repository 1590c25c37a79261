import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SharedReads } from './shared-reads.ts';

test('reads of one key at once are one, and their value is shared while it is held', async () => {
  let reads = 0;
  const shared = new SharedReads<{ key: string }>();
  const read = (key: string) =>
    shared.read(key, async () => {
      reads += 1;
      await new Promise(setImmediate);
      return { key };
    });

  const [first, second, other] = await Promise.all([read('a'), read('a'), read('b')]);
  const third = await read('a');

  assert.equal(first, second);
  assert.equal(first, third);
  assert.deepEqual([other, reads], [{ key: 'b' }, 2]);
});

test('a read that fails, or finds nothing, is tried again by the next', async () => {
  const shared = new SharedReads<object>();

  const failing = shared.read('a', () => Promise.reject(new Error('away')));
  await assert.rejects(failing, /away/);

  assert.equal(await shared.read('a', async () => undefined), undefined);
  assert.deepEqual(await shared.read('a', async () => ({})), {});
});
