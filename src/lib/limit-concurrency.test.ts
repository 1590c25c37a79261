import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';

import { limitConcurrency } from './limit-concurrency.ts';

test('no more than the limit is under way, all is done in order, and what fails gives its place back', async () => {
  const limited = limitConcurrency(3);
  const begun: number[] = [];
  let running = 0;
  let most = 0;
  const work = async (number: number) => {
    begun.push(number);
    most = Math.max(most, ++running);
    await setImmediate();
    running--;
    if (number % 2 === 1) throw new Error(String(number));
    return number;
  };

  const numbers = Array.from({ length: 20 }, (_, number) => number);
  const results = await Promise.allSettled(numbers.map((number) => limited(() => work(number))));

  assert.equal(most, 3);
  assert.deepEqual(begun, numbers);
  assert.deepEqual(
    results.map(({ status }) => status === 'fulfilled'),
    numbers.map((number) => number % 2 === 0),
  );
});
