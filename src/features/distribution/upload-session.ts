import type { Readable } from 'node:stream';

import { Refusal } from '../../lib/errors.ts';
import { digestAlgorithm, type Digest } from '../../oci/digest.ts';
import type { ByteRange } from '../../oci/http-range.ts';
import type { Platform } from '../../platform/index.ts';
import { commitBlob, forgetBlobDeletion } from '../artifacts/index.ts';
import { digestStoredBytes, type LiveHash, type LiveHashes } from './live-hash.ts';
import * as store from './store.ts';
import { receiveBody } from './upload-body.ts';

const RENEW_MS = (store.LEASE_SECONDS * 1000) / 3;

export interface UploadDeps extends Pick<
  Platform,
  'db' | 'storage' | 'config' | 'metrics' | 'log'
> {
  liveHashes: LiveHashes;
}

export interface Chunk {
  body: Readable;
  /** Where the client says the chunk belongs; undefined: behind what is there. */
  range: ByteRange | undefined;
}

/** The upload with the right to write to it, until its lease is over. */
interface ClaimedUpload extends store.Upload {
  live: LiveHash | undefined;
}

/** Adds a chunk and answers the new size. What a broken connection brought counts, so that it can be resumed. */
export async function appendChunk(
  deps: UploadDeps,
  upload: store.Upload,
  chunk: Chunk,
): Promise<number> {
  const claimed = await claim(deps, upload);
  return holdLease(deps, claimed, async (signal) => {
    const { sizeBytes, failure } = await writeChunk(deps, claimed, chunk, signal);
    await commit(deps, claimed, sizeBytes);
    if (failure !== undefined) throw connectionBroken(failure);
    return sizeBytes;
  });
}

/** Adds the last chunk, if any, and makes the bytes a blob of the repository if they have this digest. */
export async function finishUpload(
  deps: UploadDeps,
  upload: store.Upload,
  chunk: Chunk,
  digest: Digest,
): Promise<void> {
  const algorithm = digestAlgorithm(digest);
  // Nothing is there yet: hash with what the digest wants, whatever was announced.
  const wanted = upload.offset_bytes === 0 ? { ...upload, algorithm } : upload;
  const claimed = await claim(deps, wanted);
  await holdLease(deps, claimed, async (signal) => {
    const { sizeBytes, failure } = await writeChunk(deps, claimed, chunk, signal);
    if (failure !== undefined) {
      await commit(deps, claimed, sizeBytes);
      throw connectionBroken(failure);
    }
    const { location, live } = claimed;
    const actual = await digestStoredBytes(deps.storage, { location, sizeBytes, algorithm }, live);
    if (actual !== digest) {
      await discardUpload(deps, claimed);
      throw new Refusal('DIGEST_INVALID', `the bytes have the digest ${actual}, not ${digest}`);
    }
    await commitUpload(deps, claimed, { digest, sizeBytes });
  });
}

/** Forgets an upload and its bytes. */
export async function discardUpload(
  { db, storage, liveHashes, metrics }: UploadDeps,
  upload: store.Upload,
): Promise<void> {
  if (!(await store.deleteUpload(db, upload))) return;
  liveHashes.forget(upload.id);
  await storage.remove(upload.location);
  metrics.uploads.inc({ result: 'discarded' });
}

async function claim(
  { db, storage, liveHashes }: UploadDeps,
  upload: store.Upload,
): Promise<ClaimedUpload> {
  // A writer that never came back may still write; it gets to keep the old bytes, we go on with a copy.
  const location = upload.is_leased ? storage.newLocation() : upload.location;
  if (!(await store.claimUpload(db, upload, location))) throw outOfOrder(upload.offset_bytes);
  if (location !== upload.location) {
    await storage.copyPrefix(upload.location, location, upload.offset_bytes);
    await storage.remove(upload.location);
  }
  const live = liveHashes.continueAt(upload.id, upload.algorithm, upload.offset_bytes);
  return { ...upload, location, fence: upload.fence + 1, live };
}

/** Renews the lease while `work` runs; stops it when the lease is lost. Gives it back when the work fails. */
async function holdLease<T>(
  { db, log }: UploadDeps,
  upload: ClaimedUpload,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const lost = new AbortController();
  const timer = setInterval(() => {
    store.renewLease(db, upload.id, upload.fence).then(
      (isOurs) => isOurs || lost.abort(outOfOrder(upload.offset_bytes)),
      (error: unknown) => log.warn({ err: error, upload: upload.id }, 'upload lease not renewed'),
    );
  }, RENEW_MS);
  try {
    return await work(lost.signal);
  } catch (cause) {
    await store.commitOffset(db, upload, upload.offset_bytes).catch(() => false);
    throw cause;
  } finally {
    clearInterval(timer);
  }
}

async function writeChunk(
  { storage, config, metrics }: UploadDeps,
  upload: ClaimedUpload,
  { body, range }: Chunk,
  signal: AbortSignal,
): Promise<{ sizeBytes: number; failure?: unknown }> {
  const { offset_bytes, live } = upload;
  const maxBytes = (config.limits.blob_bytes || Number.MAX_SAFE_INTEGER) - offset_bytes;
  const writer = await storage.openWriter(upload.location, offset_bytes);
  try {
    const { receivedBytes, failure } = await receiveBody(body, writer, live, { maxBytes, signal });
    metrics.bytesReceived.inc(receivedBytes);
    const expected = range === undefined ? receivedBytes : range.end - range.start + 1;
    if (failure === undefined && receivedBytes !== expected) {
      throw new Refusal(
        'SIZE_INVALID',
        `Content-Range tells of ${expected} bytes, ${receivedBytes} came`,
      );
    }
    await writer.sync();
    return { sizeBytes: offset_bytes + receivedBytes, failure };
  } finally {
    await writer.close();
  }
}

async function commit({ db, liveHashes }: UploadDeps, upload: ClaimedUpload, sizeBytes: number) {
  if (!(await store.commitOffset(db, upload, sizeBytes))) throw outOfOrder(upload.offset_bytes);
  upload.offset_bytes = sizeBytes;
  if (upload.live !== undefined) liveHashes.keep(upload.id, upload.live);
}

async function commitUpload(
  { db, storage, liveHashes, metrics }: UploadDeps,
  { id, fence, location, repository_id }: ClaimedUpload,
  { digest, sizeBytes }: { digest: Digest; sizeBytes: number },
): Promise<void> {
  const isNew = await db.transaction().execute(async (tx) => {
    if (!(await store.deleteUpload(tx, { id, fence }))) {
      throw new Refusal('BLOB_UPLOAD_UNKNOWN', 'the upload was finished or cancelled meanwhile');
    }
    return commitBlob(tx, { repositoryId: repository_id, digest, sizeBytes, location });
  });
  liveHashes.forget(id);
  metrics.uploads.inc({ result: isNew ? 'stored' : 'deduplicated' });
  if (isNew) return;
  await storage.remove(location);
  await forgetBlobDeletion(db, location);
}

/** The chunk does not go where the upload ends. 416, as the specification wants it. */
export function outOfOrder(offsetBytes: number): Refusal {
  return new Refusal(
    'RANGE_INVALID',
    `the upload has ${offsetBytes} bytes, or another request is adding to it; ask for its status and go on from there`,
  );
}

function connectionBroken(cause: unknown): Refusal {
  return new Refusal('BLOB_UPLOAD_INVALID', 'the connection broke before the body was complete', {
    cause,
  });
}
