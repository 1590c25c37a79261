import { clock } from '../../lib/clock.ts';
import { forEachAtOnce } from '../../lib/at-once.ts';
import { SHARDS, type BlobStorage, type StoredBytes } from '../../platform/storage/index.ts';
import { listForRemoval } from '../artifacts/index.ts';
import type { Check } from './check.ts';
import { both, compare, type Comparison, type Orphan } from './compare.ts';
import { MARK } from './own-store.ts';
import { reportBadBlobs, reportBlob } from './report-blobs.ts';
import { readShardRows } from './store/shards.ts';

/** Shards that are in memory together: a list is mostly waiting. */
const AT_ONCE = 4;

/** Compares what is stored with the rows that name it, shard by shard. Where they differ a second look decides. */
export async function checkStore(check: Check): Promise<void> {
  const { signal, figures } = check;
  let done = 0;
  await forEachAtOnce(SHARDS, AT_ONCE, async (shard) => {
    signal.throwIfAborted();
    const { stored, rows, differences } = await look(check, shard);
    figures.blobs += rows.blobs.length;
    figures.blob_bytes += sumOf(rows.blobs);
    figures.pieces += stored.length;
    figures.piece_bytes += sumOf(stored);
    figures.young_pieces += differences.young.length;
    const { missing, wrongSize, orphans } = differences;
    const isSure = missing.length + wrongSize.length + orphans.length === 0;
    const second = isSure ? differences : (await look(check, shard)).differences;
    await report(check, isSure ? differences : both(differences, second));
    done += 1;
    check.progress({ what: 'comparing the store with the database', done, total: SHARDS.length });
  });
}

const sumOf = (sizes: { sizeBytes: number }[]) =>
  sizes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

async function look({ db, storage, signal }: Check, shard: string) {
  // The store first: bytes come before their row, and go after it.
  const stored = await listAll(storage, shard, signal);
  const rows = await readShardRows(db, shard);
  return { stored, rows, differences: compare(stored, rows, { now: clock.now(), mark: MARK }) };
}

async function listAll(
  storage: BlobStorage,
  shard: string,
  signal: AbortSignal,
): Promise<StoredBytes[]> {
  const stored: StoredBytes[] = [];
  for await (const bytes of storage.list(shard)) {
    signal.throwIfAborted();
    stored.push(bytes);
  }
  return stored;
}

async function report(check: Check, differences: Comparison): Promise<void> {
  const { missing, wrongSize, damaged, orphans, foreign } = differences;
  await reportBadBlobs(
    check,
    'blob-missing',
    missing.map((blob) => ({ blob })),
  );
  await reportBadBlobs(
    check,
    'blob-size',
    wrongSize.map(({ blob, foundBytes }) => ({ blob, note: `${foundBytes} bytes are there` })),
  );
  for (const { blob, isThere } of damaged) {
    // What may have recovered is read first, if anything is.
    if (isThere && check.options.verify) continue;
    const note = isThere ? 'bytes of the right size are there' : 'there are no such bytes';
    await reportBlob(check, 'blob-out-of-service', { blob, note }, false);
  }
  await reportOrphans(check, orphans);
  for (const { location, sizeBytes } of foreign) {
    check.found({ kind: 'foreign-file', location, sizeBytes, isRepaired: false });
  }
}

async function reportOrphans(
  { db, config, options, found }: Check,
  orphans: Orphan[],
): Promise<void> {
  if (options.repair && orphans.length > 0) {
    await listForRemoval(db, orphans, config.gc.hold_seconds);
  }
  for (const { location, sizeBytes, isFinished, changedAt } of orphans) {
    const what = isFinished ? 'written' : 'parts of an upload that began';
    const note = `${what} ${changedAt.toISOString()}`;
    found({ kind: 'orphan', location, sizeBytes, note, isRepaired: options.repair });
  }
}
