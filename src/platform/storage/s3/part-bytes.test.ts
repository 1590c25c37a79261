import assert from 'node:assert/strict';
import { test } from 'node:test';

import { endOfParts, MOST_PARTS, partBytes } from './part-bytes.ts';

const GIB = 1024 ** 3;

test('the parts end where the next begins', () => {
  let end = 0;
  for (let number = 1; number <= MOST_PARTS; number++) {
    assert.equal(endOfParts(number - 1), end);
    end += partBytes(number);
  }
  assert.equal(endOfParts(MOST_PARTS), end);
});

test('parts are within what S3 takes, suffice for 484 GiB, and stay small for 20 GB', () => {
  assert.ok(partBytes(1) >= 5 * 1024 ** 2);
  assert.ok(partBytes(MOST_PARTS) <= 5 * GIB);
  assert.equal(Math.floor(endOfParts(MOST_PARTS) / GIB), 484);
  let parts = 0;
  while (endOfParts(parts) < 20e9) parts++;
  assert.equal(partBytes(parts), 16 * 1024 ** 2);
});
