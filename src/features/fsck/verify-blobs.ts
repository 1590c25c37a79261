import { createHash } from 'node:crypto';

import { describeError } from '../../lib/describe-error.ts';
import { Refusal } from '../../lib/errors.ts';
import { forEachAtOnce } from '../../lib/at-once.ts';
import { Throttle } from '../../lib/throttle.ts';
import { digestAlgorithm, digestFromHash } from '../../oci/digest.ts';
import { readAll } from '../../platform/storage/index.ts';
import { unmarkBlob } from '../artifacts/index.ts';
import type { Check } from './check.ts';
import { reportBadBlobs, reportBlob } from './report-blobs.ts';
import { isSameBlob, listBlobs, sumBlobBytes } from './store/blobs.ts';
import type { BlobRow } from './store/shards.ts';

/** The next ones begin when all of these are done, so that one number says how far we are. */
const BATCH = 256;
/** Small blobs of a bucket take little but waiting. */
const AT_ONCE = 8;

/** Reads the bytes of all blobs and compares them with their digests, in the order of ids. */
export async function verifyBlobs(check: Check): Promise<void> {
  const { db, options, figures } = check;
  figures.verified_up_to = options.after ?? 0;
  const total = await sumBlobBytes(db, figures.verified_up_to);
  const throttle = new Throttle(options.rate ?? Infinity);
  const read = async (bytes: number) => {
    figures.verified_bytes += bytes;
    check.progress({ what: 'verifying blobs', done: figures.verified_bytes, total });
    await throttle.take(bytes, check.signal);
  };
  for (;;) {
    check.signal.throwIfAborted();
    const blobs = await listBlobs(db, { after: figures.verified_up_to, limit: BATCH });
    const last = blobs.at(-1);
    if (last === undefined) return;
    await forEachAtOnce(blobs, AT_ONCE, (blob) => verifyBlob(check, blob, read));
    figures.verified_up_to = last.id;
  }
}

type OnRead = (bytes: number) => Promise<void>;

async function verifyBlob(check: Check, blob: BlobRow, onRead: OnRead): Promise<void> {
  const { db, options, figures, bad } = check;
  if (bad.has(blob.id)) return;
  const first = await findFault(check, blob, onRead);
  figures.verified_blobs += 1;
  if (first === undefined) {
    if (!blob.isDamaged) return;
    if (options.repair) await unmarkBlob(db, blob.location);
    await reportBlob(check, 'blob-recovered', { blob }, options.repair);
    return;
  }
  // Read again: memory and networks err, too. The row last: as long as it is the same, its bytes have to be there.
  const fault = await findFault(check, blob, onRead);
  if (fault === undefined || !(await isSameBlob(db, blob))) return;
  const { isReadable, note } = fault;
  if (blob.isDamaged) await reportBlob(check, 'blob-out-of-service', { blob, note }, false);
  else if (isReadable) await reportBadBlobs(check, 'blob-digest', [{ blob, note }]);
  else await reportBlob(check, 'blob-unreadable', { blob, note }, false);
}

/** What is wrong with the bytes of a blob; undefined: nothing. Throws when the store is away. */
async function findFault(
  { storage, signal }: Check,
  { digest, location, sizeBytes }: BlobRow,
  onRead: OnRead,
): Promise<{ isReadable: boolean; note: string } | undefined> {
  const algorithm = digestAlgorithm(digest);
  const hash = createHash(algorithm);
  try {
    const reader = await storage.openReader(location, { start: 0, end: sizeBytes - 1 });
    for await (const chunk of readAll(reader)) {
      signal.throwIfAborted();
      hash.update(chunk);
      await onRead(chunk.byteLength);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Refusal) throw error;
    return { isReadable: false, note: describeError(error) };
  }
  const actual = digestFromHash(algorithm, hash.digest());
  return actual === digest ? undefined : { isReadable: true, note: `they have ${actual}` };
}
