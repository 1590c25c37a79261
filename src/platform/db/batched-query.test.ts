import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';

import type pg from 'pg';

import { Refusal } from '../../lib/errors.ts';
import { batchQuery } from './batched-query.ts';

test('a slow look-up does not hold up those that come after it', async () => {
  const slow = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const query = async ({ values }: { values: string[][] }) => {
    asked.resolve();
    if (values[0]!.includes('slow')) await slow.promise;
    return { rows: values[0]!.map((key, index) => ({ position: index + 1, key })) };
  };
  const find = batchQuery<string, { key: string }>(
    { query } as unknown as pg.Pool,
    {
      name: 'test',
      text: '',
      toColumns: (keys) => [keys],
    },
    10,
  );
  const first = find('slow');
  await asked.promise;

  const second = await Promise.race([find('quick'), setTimeout(5000, 'held up')]);

  assert.deepEqual(second, { position: 1, key: 'quick' });
  slow.resolve();
  await first;
});

test('a look-up is refused while too many wait, and nobody who waits is', async () => {
  const slow = Promise.withResolvers<void>();
  const query = async ({ values }: { values: string[][] }) => {
    await slow.promise;
    return { rows: values[0]!.map((key, index) => ({ position: index + 1, key })) };
  };
  const find = batchQuery<string, { key: string }>(
    { query } as unknown as pg.Pool,
    { name: 'test', text: '', toColumns: (keys) => [keys] },
    2,
  );
  const waiting = ['a', 'b'].map(find);

  const refused = await find('c').catch((error: unknown) => error);
  slow.resolve();

  assert.ok(refused instanceof Refusal);
  assert.deepEqual([refused.status, refused.headers['retry-after']], [503, '2']);
  assert.deepEqual(
    (await Promise.all(waiting)).map((row) => row?.key),
    ['a', 'b'],
  );
  assert.equal((await find('c'))?.key, 'c');
});
