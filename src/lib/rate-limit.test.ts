import assert from 'node:assert/strict';
import { test } from 'node:test';

import { RateLimit } from './rate-limit.ts';

const limit = () => new RateLimit({ perSecond: 10, burstSeconds: 2, maxClients: 2 });

/** How many of so many tries pass at one moment. */
function countPassing(rate: RateLimit, client: string, tries: number, now: number): number {
  let passing = 0;
  for (let index = 0; index < tries; index += 1) {
    if (rate.waitMs(client, now) > 0) continue;
    passing += 1;
    rate.spend(client, 1, now);
  }
  return passing;
}

test('after a rest a client has as much as the burst gives, and then what the rate gives', () => {
  const rate = limit();

  assert.equal(countPassing(rate, 'a', 100, 0), 21);
  assert.equal(countPassing(rate, 'a', 100, 500), 5);
  assert.equal(countPassing(rate, 'a', 100, 1500), 10);
  assert.equal(countPassing(rate, 'a', 100, 1_000_000), 21);
});

test('what one client has does not count for another', () => {
  const rate = limit();
  countPassing(rate, 'a', 100, 0);

  assert.equal(countPassing(rate, 'b', 100, 0), 21);
});

test('whoever had more than they may waits until it is paid', () => {
  const rate = limit();

  rate.spend('a', 100, 0);

  assert.equal(rate.waitMs('a', 0), 8000);
  assert.equal(rate.waitMs('a', 7999), 1);
  assert.equal(rate.waitMs('a', 8000), 0);
});

test('only so many clients are remembered', () => {
  const rate = limit();
  for (const client of ['a', 'b', 'c']) rate.spend(client, 100, 0);

  assert.equal(rate.waitMs('a', 0), 0);
  assert.ok(rate.waitMs('c', 0) > 0);
});
