import { markBlobsDamaged } from '../artifacts/index.ts';
import type { Check } from './check.ts';
import type { FindingKind } from './finding.ts';
import { findAffectedByBlob } from './store/affected.ts';
import type { BlobRow } from './store/shards.ts';

interface BadBlob {
  blob: BlobRow;
  note?: string;
}

/** Tells of blobs whose bytes are not what was pushed. To repair them is to take them out of service. */
export async function reportBadBlobs(
  check: Check,
  kind: FindingKind,
  found: BadBlob[],
): Promise<void> {
  if (found.length === 0) return;
  const { repair } = check.options;
  if (repair) {
    await markBlobsDamaged(
      check.db,
      found.map(({ blob }) => blob.location),
    );
  }
  for (const bad of found) await reportBlob(check, kind, bad, repair);
}

/** Tells of a blob and of the images that have it. */
export async function reportBlob(
  { db, found, bad }: Check,
  kind: FindingKind,
  { blob, note }: BadBlob,
  isRepaired: boolean,
): Promise<void> {
  const { id, digest, location, sizeBytes } = blob;
  bad.add(id);
  const affected = await findAffectedByBlob(db, id);
  const details = { digest, location, sizeBytes, affected };
  found({ kind, ...details, ...(note === undefined ? {} : { note }), isRepaired });
}
