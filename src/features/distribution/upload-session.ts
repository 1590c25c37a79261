import type { Readable } from 'node:stream';

import { Refusal } from '../../lib/errors.ts';
import { digestAlgorithm, type Digest } from '../../oci/digest.ts';
import type { ByteRange } from '../../oci/http-range.ts';
import type { BlobWriter, Checkpoint, FinishedBytes } from '../../platform/storage/index.ts';
import { retryConflicts } from '../../platform/db/transaction.ts';
import type { RepositoryKey } from '../access/index.ts';
import * as store from './store.ts';
import { blobTooLarge, receiveBody } from './upload-body.ts';
import { discardUpload, endElsewhere, removeLeftBytes } from './upload-bytes.ts';
import { withLease } from './upload-lease.ts';
import {
  checkpointOf,
  outOfOrder,
  uploadGone,
  type ClaimedUpload,
  type UploadDeps,
} from './upload.ts';

export interface Chunk {
  body: Readable;
  /** How long the body will be; undefined when the client does not say. */
  lengthBytes: number | undefined;
  /** Where the client says the chunk belongs; undefined: behind what is there. */
  range: ByteRange | undefined;
  /** Refuses a blob of this size, with this digest if that is known, when its project has no room for it. */
  requireRoom(blob: { sizeBytes: number; digest: Digest | undefined }): Promise<void>;
}

/** Adds a chunk and answers the new size. What a broken connection brought counts, so that it can be resumed. */
export async function appendChunk(
  deps: UploadDeps,
  upload: store.Upload,
  chunk: Chunk,
): Promise<number> {
  return withLease(deps, upload, async (claimed, signal) => {
    const wanted = { digest: undefined, end: syncBytes };
    const { checkpoint, failure } = await writeChunk(deps, claimed, chunk, wanted, signal);
    await commit(deps, claimed, checkpoint);
    if (failure !== undefined) throw connectionBroken(failure);
    return checkpoint.sizeBytes;
  });
}

export interface UploadEnd {
  digest: Digest;
  /** Where the blob goes when the repository of the upload is deleted meanwhile; without it the upload is gone. */
  repository?: RepositoryKey;
}

/** Adds the last chunk, if any, and makes the bytes a blob of the repository if they have this digest. */
export async function finishUpload(
  deps: UploadDeps,
  upload: store.Upload,
  chunk: Chunk,
  { digest, repository }: UploadEnd,
): Promise<void> {
  const algorithm = digestAlgorithm(digest);
  // Nothing is there yet: hash with what the digest wants, whatever was announced.
  const wanted = upload.offset_bytes === 0 ? { ...upload, algorithm } : upload;
  await withLease(deps, wanted, async (claimed, signal) => {
    const written = await writeChunk(deps, claimed, chunk, { digest, end: finishBytes }, signal);
    if ('failure' in written) {
      await commit(deps, claimed, written.checkpoint);
      throw connectionBroken(written.failure);
    }
    const live = written.isCertain ? claimed.live : undefined;
    const stored = { ...written, algorithm };
    const actual = await deps.liveHashes.digestStored(deps.storage, stored, live);
    if (actual !== digest) {
      await discardUpload(deps, claimed);
      throw new Refusal('DIGEST_INVALID', `the bytes have the digest ${actual}, not ${digest}`);
    }
    await commitUpload(deps, claimed, { ...written, digest }, repository);
  });
}

interface Synced {
  checkpoint: Checkpoint;
  /** Why the body ended early; undefined when it did not. */
  failure: unknown;
}

const syncBytes = async (writer: BlobWriter, failure: unknown): Promise<Synced> => ({
  checkpoint: await writer.sync(),
  failure,
});

const finishBytes = async (writer: BlobWriter, failure: unknown): Promise<Synced | FinishedBytes> =>
  failure === undefined ? writer.finish() : syncBytes(writer, failure);

interface Wanted<T> {
  /** Known when the blob shall be complete. */
  digest: Digest | undefined;
  /** Makes the bytes durable. */
  end(writer: BlobWriter, failure: unknown): Promise<T>;
}

/** Writes a body. */
async function writeChunk<T>(
  deps: UploadDeps,
  upload: ClaimedUpload,
  { body, range, lengthBytes, requireRoom }: Chunk,
  { digest, end }: Wanted<T>,
  signal: AbortSignal,
): Promise<T> {
  const { offset_bytes, live } = upload;
  const maxBytes = (deps.config.limits.blob_bytes || Number.MAX_SAFE_INTEGER) - offset_bytes;
  const expectedBytes = range === undefined ? undefined : range.end - range.start + 1;
  try {
    const announcedBytes = lengthBytes ?? expectedBytes;
    if ((announcedBytes ?? 0) > maxBytes) throw blobTooLarge();
    if (announcedBytes !== undefined) {
      await requireRoom({ sizeBytes: offset_bytes + announcedBytes, digest });
    }
    const writer = await deps.storage.openWriter(upload.location, checkpointOf(upload));
    try {
      const limits = { maxBytes, expectedBytes, signal };
      const { receivedBytes, failure } = await receiveBody(body, writer, live, limits);
      deps.metrics.bytesReceived.inc(receivedBytes);
      if (announcedBytes === undefined) {
        await requireRoom({ sizeBytes: offset_bytes + receivedBytes, digest });
      }
      return await end(writer, failure);
    } finally {
      await writer.close();
    }
  } catch (cause) {
    // It will never be a blob: nothing of it is kept.
    const isTooLarge = ['REQUEST_ENTITY_TOO_LARGE', 'DENIED'];
    if (cause instanceof Refusal && isTooLarge.includes(cause.code)) {
      await discardUpload(deps, upload);
    }
    throw cause;
  }
}

async function commit(
  { db, liveHashes }: UploadDeps,
  upload: ClaimedUpload,
  checkpoint: Checkpoint,
): Promise<void> {
  if (!(await store.commitOffset(db, upload, checkpoint))) throw outOfOrder(upload);
  upload.offset_bytes = checkpoint.sizeBytes;
  upload.storage_state = checkpoint.state;
  if (upload.live !== undefined) await liveHashes.keep(upload.id, upload.live);
}

async function commitUpload(
  deps: UploadDeps,
  { id, fence }: ClaimedUpload,
  blob: store.FinishedBlob,
  repository: RepositoryKey | undefined,
): Promise<void> {
  const ended =
    (await retryConflicts(() => store.endUpload(deps.db, { id, fence }, blob))) ??
    (repository && (await endElsewhere(deps, { id, fence }, blob, repository)));
  if (ended === undefined) throw uploadGone();
  deps.liveHashes.forget(id);
  deps.metrics.uploads.inc({ result: ended.isUsed ? 'stored' : 'deduplicated' });
  if (!ended.isUsed) await removeLeftBytes(deps, blob.location);
}

function connectionBroken(cause: unknown): Refusal {
  return new Refusal('BLOB_UPLOAD_INVALID', 'the connection broke before the body was complete', {
    cause,
  });
}
