import type { Config } from '../config/index.ts';
import type { Space } from './room.ts';

/** `low`: somebody should make room. `used up`: only the reserve is left, and pushes are refused. */
export type DiskState = 'ok' | 'low' | 'used up';

/** A state is left when this much more is free than it began with, so that it is not told of again and again. */
const BACK = 1.1;

export function diskState(
  { freeBytes, totalBytes }: Space,
  { reserve_bytes, warn_free_bytes, warn_free_percent }: Config['storage'],
  before: DiskState,
): DiskState {
  const warnBytes = Math.min(warn_free_bytes, (totalBytes * warn_free_percent) / 100);
  const isBelow = (limitBytes: number, wasBelow: boolean) =>
    freeBytes < limitBytes * (wasBelow ? BACK : 1);
  if (isBelow(reserve_bytes, before === 'used up')) return 'used up';
  return isBelow(Math.max(warnBytes, reserve_bytes), before !== 'ok') ? 'low' : 'ok';
}
