import type { Platform } from '../../platform/index.ts';
import { collectBlobs } from '../artifacts/index.ts';
import { expireUploads } from '../distribution/index.ts';
import { reap } from './reap.ts';

/** Candidates of one transaction: pushes that want one of them wait for it. */
const BATCH = 100;

export interface Round {
  /** Uploads nobody went on with. */
  uploads: number;
  blobs: number;
  bytes: number;
  /** Bytes that are gone from the store, from this round and those before it. */
  removed: number;
  removed_bytes: number;
}

/**
 * One round: abandoned uploads, blobs that nothing refers to, bytes whose time is over. Any number of nodes
 * may be at it at once, and it may be ended at any moment.
 */
export async function collectGarbage(
  platform: Pick<Platform, 'db' | 'storage' | 'log' | 'config'>,
  signal: AbortSignal,
): Promise<Round> {
  const { db, config } = platform;
  const { grace_seconds, hold_seconds, upload_seconds } = config.gc;
  const round: Round = { uploads: 0, blobs: 0, bytes: 0, removed: 0, removed_bytes: 0 };
  for (let expired = BATCH; expired === BATCH; round.uploads += expired) {
    signal.throwIfAborted();
    expired = await expireUploads(db, { ageSeconds: upload_seconds, limit: BATCH });
  }
  for (let lookedAt = 1; lookedAt > 0;) {
    signal.throwIfAborted();
    const collected = await collectBlobs(db, {
      graceSeconds: grace_seconds,
      holdSeconds: hold_seconds,
      limit: BATCH,
    });
    round.blobs += collected.blobs;
    round.bytes += collected.bytes;
    ({ lookedAt } = collected);
  }
  const { removed, bytes } = await reap(platform, signal);
  return { ...round, removed, removed_bytes: bytes };
}
