import type { FastifyRequest } from 'fastify';

import { Refusal } from '../../lib/errors.ts';
import { digestAlgorithm, digestOf, type Digest } from '../../oci/digest.ts';
import { retryConflicts } from '../../platform/db/transaction.ts';
import * as artifacts from '../artifacts/index.ts';
import { withinQuota } from '../quotas/index.ts';
import { uploadKey } from './find-upload.ts';
import { readBody } from './read-body.ts';
import * as store from './store.ts';
import { removeLeftBytes } from './upload-bytes.ts';
import { projectGone, pushOf, type UploadDeps } from './upload.ts';

/** Configs, charts, signatures, small layers: read into memory, checked, and stored with one statement. */
const WHOLE_BYTES = 256 * 1024;

/** Whether the body is all of a small blob, by what the request says of it. */
export function isWholeBlob({ headers }: FastifyRequest, maxBytes: number): boolean {
  const length = Number(headers['content-length'] ?? Infinity);
  const limit = Math.min(WHOLE_BYTES, maxBytes || Infinity);
  return length > 0 && length <= limit && headers['content-range'] === undefined;
}

/** The bytes of a small blob. What a broken connection brought of it is not kept. */
export async function readWholeBlob(
  { metrics }: UploadDeps,
  request: FastifyRequest,
): Promise<Buffer> {
  const bytes = await readBody(request, WHOLE_BYTES, 'blob');
  metrics.bytesReceived.inc(bytes.byteLength);
  return bytes;
}

/**
 * Ends an upload that has no bytes yet with all of them. False, and nothing is changed: they are not all or not
 * the right ones, it has some, somebody writes to it, or it is not there.
 */
export async function putUpload(
  deps: UploadDeps,
  request: FastifyRequest,
  { id, digest, bytes }: { id: string; digest: Digest; bytes: Buffer },
): Promise<boolean> {
  const key = uploadKey(request, id);
  if (key === undefined || digestOf(bytes, digestAlgorithm(digest)) !== digest) return false;
  return storeWhole(deps, bytes, (location) =>
    withinQuota(deps.db, pushOf(request, digest), () =>
      store.putUpload(deps.db, key, { digest, sizeBytes: bytes.byteLength, location }),
    ),
  );
}

/** Stores a blob that came with the request that began the upload. */
export async function putBlob(
  deps: UploadDeps,
  request: FastifyRequest,
  { digest, bytes }: { digest: Digest; bytes: Buffer },
): Promise<void> {
  const actual = digestOf(bytes, digestAlgorithm(digest));
  if (actual !== digest) {
    throw new Refusal('DIGEST_INVALID', `the bytes have the digest ${actual}, not ${digest}`);
  }
  const isStored = await storeWhole(deps, bytes, (location) =>
    withinQuota(deps.db, pushOf(request, digest), () =>
      artifacts.putBlob(deps.db, request.scope!, { digest, sizeBytes: bytes.byteLength, location }),
    ),
  );
  if (!isStored) throw projectGone();
}

/**
 * Writes bytes to a new key, durably, and lets `commit` make them a blob. When that fails other than by a refusal they
 * stay: the commit may have happened all the same. A file that nothing knows is the price of not writing its name down first.
 */
async function storeWhole(
  deps: UploadDeps,
  bytes: Buffer,
  commit: (location: string) => Promise<{ isUsed: boolean } | undefined>,
): Promise<boolean> {
  const location = deps.storage.newLocation();
  await deps.storage.writeWhole(location, bytes);
  const stored = await retryConflicts(() => commit(location)).catch(async (cause) => {
    if (cause instanceof Refusal) await deps.storage.remove(location);
    throw cause;
  });
  if (stored === undefined) {
    await deps.storage.remove(location);
    return false;
  }
  deps.metrics.uploads.inc({ result: stored.isUsed ? 'stored' : 'deduplicated' });
  if (!stored.isUsed) await removeLeftBytes(deps, location);
  return true;
}
