import { releaseHold } from '../garbage-collection/index.ts';
import type { Platform } from '../../platform/index.ts';
import { checkRows } from './check-rows.ts';
import { checkStore } from './check-store.ts';
import { checkUploads } from './check-uploads.ts';
import type { Check, Figures, FsckOptions, Progress } from './check.ts';
import type { Finding } from './finding.ts';
import { verifyBlobs } from './verify-blobs.ts';
import { verifyManifests } from './verify-manifests.ts';

/** What a restore leaves, so that nothing is removed before somebody has looked. */
const RESTORE_HOLD = 'restore';

export interface FsckListener {
  found(finding: Finding): void;
  progress(progress: Progress): void;
  /** Counts up while it runs. */
  figures: Figures;
}

export const startFigures = (): Figures => ({
  blobs: 0,
  blob_bytes: 0,
  pieces: 0,
  piece_bytes: 0,
  young_pieces: 0,
  uploads: 0,
  verified_blobs: 0,
  verified_bytes: 0,
  verified_up_to: 0,
  verified_manifests: 0,
  findings: 0,
  repaired: 0,
});

/**
 * Compares the database with its store, beside a running registry or a stopped one. What it finds it tells at once.
 * Answers whether a hold of a restore ended, as there was nothing to find.
 */
export async function checkRegistry(
  { db, storage, config }: Pick<Platform, 'db' | 'storage' | 'config'>,
  options: FsckOptions,
  listener: FsckListener,
  signal: AbortSignal,
): Promise<{ isReleased: boolean }> {
  const { figures } = listener;
  const found = (finding: Finding) => {
    figures.findings += 1;
    if (finding.isRepaired) figures.repaired += 1;
    listener.found(finding);
  };
  const progress = (now: Progress) => listener.progress(now);
  const bad = new Set<number>();
  const check: Check = { db, storage, config, options, signal, figures, found, progress, bad };
  await checkStore(check);
  await checkUploads(check);
  await checkRows(check);
  if (options.verify) {
    await verifyManifests(check);
    await verifyBlobs(check);
  }
  return { isReleased: figures.findings === 0 && (await releaseHold(db, RESTORE_HOLD)) };
}
