import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';

import { ByteGatherer } from './byte-gatherer.ts';

test('bytes come out in order, in pieces of the limit, however they came', () => {
  const bytes = randomBytes(1_000_000);
  const limit = 300_000;
  for (const chunkBytes of [7, 65_536, 300_000, 1_000_000]) {
    const gatherer = new ByteGatherer();
    const pieces: Buffer[] = [];
    for (let start = 0; start < bytes.length; start += chunkBytes) {
      let rest: Uint8Array = bytes.subarray(start, start + chunkBytes);
      while (rest.byteLength > 0) {
        rest = gatherer.add(rest, limit);
        if (gatherer.length === limit) pieces.push(gatherer.take());
      }
    }
    assert.deepEqual(
      pieces.map(({ length }) => length),
      [limit, limit, limit],
    );
    assert.ok(Buffer.concat([...pieces, gatherer.peek()]).equals(bytes));
  }
});

test('what was taken is not changed by what is added later', () => {
  const gatherer = new ByteGatherer();
  gatherer.add(Buffer.from('first'), 100);
  const first = gatherer.take();

  gatherer.add(Buffer.from('other'), 100);

  assert.equal(first.toString(), 'first');
  assert.equal(gatherer.peek().toString(), 'other');
});
