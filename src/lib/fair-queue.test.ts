import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';

import { createFairQueue, type FairQueue } from './fair-queue.ts';

const LIMITS = { running: 1, waiting: 6, waitingOfOwner: 4 };

/** Works that end when told, and the order in which they began. */
function works(queue: FairQueue) {
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  return {
    begun,
    add(name: string, isGone = () => false) {
      const added = queue.run({ owner: name[0]!, isGone }, async () => {
        begun.push(name);
        const { promise, resolve } = Promise.withResolvers<void>();
        ends.push(resolve);
        await promise;
      });
      added.catch(() => {});
      return added;
    },
    async endAll() {
      for (; ends.length > 0; await setImmediate()) ends.shift()!();
    },
  };
}

test('owners take turns, however many each has waiting', async () => {
  const { add, begun, endAll } = works(createFairQueue(LIMITS));
  for (const name of ['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'c1']) void add(name);

  await endAll();

  assert.deepEqual(begun, ['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4']);
});

test('an owner has few places, and all have a bounded number', async () => {
  const { add, begun, endAll } = works(createFairQueue(LIMITS));
  for (let index = 0; index < 5; index += 1) void add(`a${index}`);

  await assert.rejects(add('a5'), { code: 'TOOMANYREQUESTS' });
  void add('b1');
  void add('c1');
  await assert.rejects(add('d1'), { code: 'UNAVAILABLE' });

  await endAll();
  assert.equal(begun.length, 7);
  void add('d2');
  assert.equal(begun.at(-1), 'd2');
  await endAll();
});

test('who is gone is not served, and leaves the place to others', async () => {
  const { add, begun, endAll } = works(createFairQueue(LIMITS));
  let isGone = false;
  const leaving = () => isGone;
  void add('a0');
  const left = [add('a1', leaving), add('a2', leaving), add('a3', leaving), add('a4')];
  isGone = true;

  void add('a5');

  for (const one of left.slice(0, 3)) await assert.rejects(one, /did not wait/);
  const last = add('b1', leaving);
  await endAll();
  await assert.rejects(last, /did not wait/);
  assert.deepEqual(begun, ['a0', 'a4', 'a5']);
});

test('work that fails gives its turn to the next', async () => {
  const queue = createFairQueue(LIMITS);
  const turn = { owner: 'a', isGone: () => false };
  const failed = queue.run(turn, async () => {
    throw new Error('broken');
  });

  assert.equal(await queue.run(turn, async () => 'done').catch(String), 'done');
  await assert.rejects(failed, /broken/);
});
