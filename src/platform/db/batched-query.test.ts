import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';

import type pg from 'pg';

import { batchQuery } from './batched-query.ts';

test('a slow look-up does not hold up those that come after it', async () => {
  const slow = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const query = async ({ values }: { values: string[][] }) => {
    asked.resolve();
    if (values[0]!.includes('slow')) await slow.promise;
    return { rows: values[0]!.map((key, index) => ({ position: index + 1, key })) };
  };
  const find = batchQuery<string, { key: string }>({ query } as unknown as pg.Pool, {
    name: 'test',
    text: '',
    toColumns: (keys) => [keys],
  });
  const first = find('slow');
  await asked.promise;

  const second = await Promise.race([find('quick'), setTimeout(5000, 'held up')]);

  assert.deepEqual(second, { position: 1, key: 'quick' });
  slow.resolve();
  await first;
});
