import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseSize } from './parse-size.ts';

for (const [text, bytes] of [
  ['4096', 4096],
  ['50MB', 50_000_000],
  ['50 mb', 50_000_000],
  ['1.5GiB', 1_610_612_736],
  ['8k', 8000],
  ['0', undefined],
  ['-1', undefined],
  ['MB', undefined],
  ['5 TB', undefined],
  ['1e9', undefined],
  ['', undefined],
] as const) {
  test(`"${text}" is ${bytes} bytes`, () => assert.equal(parseSize(text), bytes));
}
