import type { Db } from '../../platform/db/connect.ts';
import type { Platform } from '../../platform/index.ts';
import { collectBlobs } from '../artifacts/index.ts';
import { expireUploads } from '../distribution/index.ts';
import { reapSome } from './reap.ts';
import { unlessHeld } from './store.ts';

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
 * One round: abandoned uploads, blobs that nothing refers to, bytes whose time is over; nothing while there is a hold.
 * Any number of nodes may be at it at once, and it may be ended at any moment.
 */
export async function collectGarbage(
  platform: Pick<Platform, 'db' | 'storage' | 'log' | 'config'>,
  signal: AbortSignal,
): Promise<Round> {
  const { db, config } = platform;
  const { grace_seconds, hold_seconds, upload_seconds } = config.gc;
  const round: Round = { uploads: 0, blobs: 0, bytes: 0, removed: 0, removed_bytes: 0 };
  await repeat(db, signal, async (connection) => {
    const expired = await expireUploads(connection, { ageSeconds: upload_seconds, limit: BATCH });
    round.uploads += expired;
    return expired === BATCH;
  });
  await repeat(db, signal, async (connection) => {
    const { lookedAt, blobs, bytes } = await collectBlobs(connection, {
      graceSeconds: grace_seconds,
      holdSeconds: hold_seconds,
      limit: BATCH,
    });
    round.blobs += blobs;
    round.bytes += bytes;
    return lookedAt > 0;
  });
  await repeat(db, signal, async (connection) => {
    const reaped = await reapSome({ ...platform, db: connection }, BATCH, signal);
    round.removed += reaped.removed;
    round.removed_bytes += reaped.bytes;
    return reaped.due > 0;
  });
  return round;
}

/** Takes one step after the other while they say that there is more. A hold ends it between two of them. */
async function repeat(
  db: Db,
  signal: AbortSignal,
  step: (connection: Db) => Promise<boolean>,
): Promise<void> {
  do signal.throwIfAborted();
  while ((await unlessHeld(db, step)) === true);
}
