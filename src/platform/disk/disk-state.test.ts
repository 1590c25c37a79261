import assert from 'node:assert/strict';
import { test } from 'node:test';

import { diskState, type DiskState } from './disk-state.ts';

const GIB = 1024 ** 3;
const LIMITS = { reserve_bytes: GIB, warn_free_bytes: 10 * GIB, warn_free_percent: 5 };

const ROWS: [free: number, total: number, before: DiskState, now: DiskState][] = [
  // 5 % of 100 GiB
  [5 * GIB, 100 * GIB, 'ok', 'ok'],
  [5 * GIB - 1, 100 * GIB, 'ok', 'low'],
  // 5 % would be 50 GiB: 10 GiB count
  [10 * GIB, 1000 * GIB, 'ok', 'ok'],
  [10 * GIB - 1, 1000 * GIB, 'ok', 'low'],
  // 5 % would be less than the reserve
  [GIB, 4 * GIB, 'ok', 'ok'],
  [GIB - 1, 4 * GIB, 'ok', 'used up'],
  [0, 100 * GIB, 'low', 'used up'],
  // A state lasts until a tenth more is free than where it began.
  [5.4 * GIB, 100 * GIB, 'low', 'low'],
  [5.6 * GIB, 100 * GIB, 'low', 'ok'],
  [1.05 * GIB, 100 * GIB, 'used up', 'used up'],
  [1.2 * GIB, 100 * GIB, 'used up', 'low'],
  [50 * GIB, 100 * GIB, 'used up', 'ok'],
];

test('a disk is low below a part of it, at most so many bytes, and used up below the reserve', () => {
  for (const [freeBytes, totalBytes, before, now] of ROWS) {
    const state = diskState({ freeBytes, totalBytes }, LIMITS, before);

    assert.equal(state, now, `${freeBytes / GIB} of ${totalBytes / GIB} after ${before}`);
  }
});

test('without a reserve and a warning a disk is never full', () => {
  const none = { reserve_bytes: 0, warn_free_bytes: 0, warn_free_percent: 5 };

  assert.equal(diskState({ freeBytes: 0, totalBytes: GIB }, none, 'ok'), 'ok');
});
