import type { Readable } from 'node:stream';

import { Refusal } from '../../lib/errors.ts';
import { digestAlgorithm, type Digest } from '../../oci/digest.ts';
import type { ByteRange } from '../../oci/http-range.ts';
import * as store from './store.ts';
import { blobTooLarge, receiveBody } from './upload-body.ts';
import { discardUpload, removeLeftBytes } from './upload-bytes.ts';
import { withLease } from './upload-lease.ts';
import { outOfOrder, type ClaimedUpload, type UploadDeps } from './upload.ts';

export interface Chunk {
  body: Readable;
  /** How long the body will be; undefined when the client does not say. */
  lengthBytes: number | undefined;
  /** Where the client says the chunk belongs; undefined: behind what is there. */
  range: ByteRange | undefined;
}

/** Adds a chunk and answers the new size. What a broken connection brought counts, so that it can be resumed. */
export async function appendChunk(
  deps: UploadDeps,
  upload: store.Upload,
  chunk: Chunk,
): Promise<number> {
  return withLease(deps, upload, async (claimed, signal) => {
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
  await withLease(deps, wanted, async (claimed, signal) => {
    const { sizeBytes, failure } = await writeChunk(deps, claimed, chunk, signal);
    if (failure !== undefined) {
      await commit(deps, claimed, sizeBytes);
      throw connectionBroken(failure);
    }
    const { location, live } = claimed;
    const actual = await deps.liveHashes.digestStored(
      deps.storage,
      { location, sizeBytes, algorithm },
      live,
    );
    if (actual !== digest) {
      await discardUpload(deps, claimed);
      throw new Refusal('DIGEST_INVALID', `the bytes have the digest ${actual}, not ${digest}`);
    }
    await commitUpload(deps, claimed, { digest, sizeBytes });
  });
}

async function writeChunk(
  deps: UploadDeps,
  upload: ClaimedUpload,
  { body, range, lengthBytes }: Chunk,
  signal: AbortSignal,
): Promise<{ sizeBytes: number; failure?: unknown }> {
  const { offset_bytes, live } = upload;
  const maxBytes = (deps.config.limits.blob_bytes || Number.MAX_SAFE_INTEGER) - offset_bytes;
  const expectedBytes = range === undefined ? undefined : range.end - range.start + 1;
  try {
    if (Math.max(lengthBytes ?? 0, expectedBytes ?? 0) > maxBytes) throw blobTooLarge();
    const writer = await deps.storage.openWriter(upload.location, offset_bytes);
    try {
      const limits = { maxBytes, expectedBytes, signal };
      const { receivedBytes, failure } = await receiveBody(body, writer, live, limits);
      deps.metrics.bytesReceived.inc(receivedBytes);
      await writer.sync();
      return { sizeBytes: offset_bytes + receivedBytes, failure };
    } finally {
      await writer.close();
    }
  } catch (cause) {
    // It will never be a blob: nothing of it is kept.
    const isTooLarge = cause instanceof Refusal && cause.code === 'REQUEST_ENTITY_TOO_LARGE';
    if (isTooLarge) await discardUpload(deps, upload);
    throw cause;
  }
}

async function commit({ db, liveHashes }: UploadDeps, upload: ClaimedUpload, sizeBytes: number) {
  if (!(await store.commitOffset(db, upload, sizeBytes))) throw outOfOrder(upload);
  upload.offset_bytes = sizeBytes;
  if (upload.live !== undefined) await liveHashes.keep(upload.id, upload.live);
}

async function commitUpload(
  deps: UploadDeps,
  { id, fence, location }: ClaimedUpload,
  blob: { digest: Digest; sizeBytes: number },
): Promise<void> {
  const ended = await store.endUpload(deps.db, { id, fence }, blob);
  if (ended === undefined) {
    throw new Refusal(
      'BLOB_UPLOAD_UNKNOWN',
      'the upload was cancelled, or its repository deleted, meanwhile',
    );
  }
  deps.liveHashes.forget(id);
  deps.metrics.uploads.inc({ result: ended.isUsed ? 'stored' : 'deduplicated' });
  if (!ended.isUsed) await removeLeftBytes(deps, location);
}

function connectionBroken(cause: unknown): Refusal {
  return new Refusal('BLOB_UPLOAD_INVALID', 'the connection broke before the body was complete', {
    cause,
  });
}
