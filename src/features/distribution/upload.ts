import type { FastifyRequest } from 'fastify';

import { Refusal } from '../../lib/errors.ts';
import type { Digest } from '../../oci/digest.ts';
import type { Platform } from '../../platform/index.ts';
import type { Checkpoint } from '../../platform/storage/index.ts';
import { actorOf } from '../access/index.ts';
import type { RefusedPush } from '../quotas/index.ts';
import type { LiveHash, LiveHashes } from './live-hash.ts';
import type * as store from './store.ts';

export interface UploadDeps extends Pick<
  Platform,
  'db' | 'lookups' | 'storage' | 'config' | 'metrics' | 'log'
> {
  liveHashes: LiveHashes;
  /** Requests that write to an upload, until they have recorded how far it came. */
  writing: Set<Promise<unknown>>;
}

/** The upload with the right to write to it, until its lease is over. */
export interface ClaimedUpload extends store.Upload {
  live: LiveHash | undefined;
  /** Another writer, whose lease ran out, may still write to the same bytes. */
  isShared: boolean;
}

/** Where the next writer goes on. */
export const checkpointOf = ({ offset_bytes, storage_state }: store.Upload): Checkpoint => ({
  sizeBytes: offset_bytes,
  state: storage_state,
});

/** Where an upload is: what a client needs to go on with it. */
export function progressHeaders({
  id,
  repository_name,
  offset_bytes,
}: Pick<store.Upload, 'id' | 'repository_name' | 'offset_bytes'>): Record<string, string> {
  return {
    location: `/v2/${repository_name}/blobs/uploads/${id}`,
    'docker-upload-uuid': id,
    range: `0-${Math.max(0, offset_bytes - 1)}`,
  };
}

/** The chunk does not go where the upload ends. 416, as the specification wants it. */
export function outOfOrder(upload: store.Upload): Refusal {
  return new Refusal(
    'RANGE_INVALID',
    `the upload has ${upload.offset_bytes} bytes, or another request is adding to it; ask for its status and go on from there`,
    { headers: progressHeaders(upload) },
  );
}

/** Somebody cancelled it, or deleted its repository, while it was written to. */
export function uploadGone(cause?: unknown): Refusal {
  return new Refusal(
    'BLOB_UPLOAD_UNKNOWN',
    'the upload was cancelled, or its repository deleted, meanwhile',
    { cause },
  );
}

/** It was deleted while the caller's rights in it were looked up. */
export function projectGone(): Refusal {
  return new Refusal('NAME_UNKNOWN', 'the project is not there any more');
}

/** How a push that its project has no room for is told of. */
export function pushOf(request: FastifyRequest, digest: Digest | undefined): RefusedPush {
  const { projectId, name } = request.scope!;
  return {
    projectId,
    repository: name,
    subject: digest === undefined ? {} : { digest },
    ...actorOf(request),
  };
}
