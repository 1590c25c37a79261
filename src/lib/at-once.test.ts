import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';

import { forEachAtOnce } from './at-once.ts';

test('so many are under way at a time, and all are done', async () => {
  const done: number[] = [];
  let running = 0;
  let most = 0;

  await forEachAtOnce([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    running += 1;
    most = Math.max(most, running);
    await turn();
    running -= 1;
    done.push(item);
  });

  assert.equal(most, 3);
  assert.deepEqual(
    done.toSorted((a, b) => a - b),
    [1, 2, 3, 4, 5, 6, 7],
  );
});

test('after a failure none is begun, those under way end, and the source is given up', async () => {
  const begun: number[] = [];
  const ended: number[] = [];
  let isGivenUp = false;
  async function* items() {
    try {
      for (let i = 1; ; i++) yield i;
    } finally {
      isGivenUp = true;
    }
  }

  await assert.rejects(
    forEachAtOnce(items(), 3, async (item) => {
      begun.push(item);
      await turn();
      if (item === 2) throw new Error('two');
      for (let i = 0; i < 10; i++) await turn();
      ended.push(item);
    }),
    /two/,
  );

  assert.deepEqual(begun, [1, 2, 3]);
  assert.deepEqual(ended, [1, 3]);
  assert.ok(isGivenUp);
});

test('a source that fails ends it', async () => {
  async function* items() {
    yield 1;
    throw new Error('no more');
  }

  await assert.rejects(
    forEachAtOnce(items(), 2, async () => {}),
    /no more/,
  );
});
