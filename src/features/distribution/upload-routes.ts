import type { ServerHttp2Stream } from 'node:http2';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';

import type { FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';

import { Refusal } from '../../lib/errors.ts';
import { parseDigest, parseDigestAlgorithm } from '../../oci/digest.ts';
import { parseContentRange } from '../../oci/http-range.ts';
import { parseRepositoryName } from '../../oci/reference.ts';
import type { App, Routes } from '../../platform/http/routes.ts';
import { requireRoom, withinQuota } from '../quotas/index.ts';
import { claimUpload, getSettledUpload, getUpload, ownerOf } from './find-upload.ts';
import { LiveHashes } from './live-hash.ts';
import { tryMount } from './mount-blob.ts';
import { repositoryOf } from './repository-param.ts';
import * as store from './store.ts';
import { discardUpload } from './upload-bytes.ts';
import { appendChunk, finishUpload, type Chunk, type UploadEnd } from './upload-session.ts';
import { progressHeaders, projectGone, pushOf, type UploadDeps } from './upload.ts';
import { isWholeBlob, putBlob, putUpload, readWholeBlob } from './whole-blob.ts';

const Params = Type.Object({ name: Type.String(), id: Type.String() });
const StartQuery = Type.Object({
  mount: Type.Optional(Type.String()),
  from: Type.Optional(Type.String()),
  digest: Type.Optional(Type.String()),
  'digest-algorithm': Type.Optional(Type.String()),
});
const config = { access: 'repository:push', repository: repositoryOf, upload: true };
const hidden = { hide: true } as const;

/** OCI 1.1 §pushing-blobs, and the upload status and cancel of the Docker Registry HTTP API v2. */
export const uploadRoutes: Routes = (app, platform) => {
  const deps: UploadDeps = { ...platform, liveHashes: new LiveHashes(), writing: new Set() };
  // Connections may have been broken off: what came until then is recorded, for the client to go on elsewhere.
  app.addHook('onClose', async () => {
    await Promise.allSettled(deps.writing);
  });
  for (const path of ['/v2/:name/blobs/uploads/', '/v2/:name/blobs/uploads']) {
    app.post(path, { schema: { ...hidden, querystring: StartQuery }, config }, (request, reply) =>
      startUpload(deps, request, request.query, reply),
    );
  }
  statusRoutes(app, deps);

  app.patch(
    '/v2/:name/blobs/uploads/:id',
    { schema: { ...hidden, params: Params }, config },
    async (request, reply) => {
      const chunk = readChunk(deps, request);
      const upload = await claimUpload(deps, request, request.params.id, chunk.range?.start);
      const sizeBytes = await appendChunk(deps, upload, chunk);
      const headers = progressHeaders({ ...upload, offset_bytes: sizeBytes });
      return reply.code(202).headers(headers).send();
    },
  );

  app.put(
    '/v2/:name/blobs/uploads/:id',
    { schema: { ...hidden, params: Params, querystring: StartQuery }, config },
    async (request, reply) => {
      const digest = parseDigest(request.query.digest ?? '');
      const { id } = request.params;
      const chunk = readChunk(deps, request);
      if (isWholeBlob(request, deps.config.limits.blob_bytes)) {
        const bytes = await readWholeBlob(deps, request);
        if (await putUpload(deps, request, { id, digest, bytes })) {
          return sendBlobCreated(reply, request, digest);
        }
        chunk.body = Readable.from([bytes]);
      }
      const upload = await claimUpload(deps, request, id, chunk.range?.start);
      await withinQuota(deps.db, pushOf(request, digest), () =>
        finishUpload(deps, upload, chunk, { digest }),
      );
      return sendBlobCreated(reply, request, digest);
    },
  );
};

function statusRoutes(app: App, deps: UploadDeps): void {
  const options = { schema: { ...hidden, params: Params }, config };

  app.get(
    '/v2/:name/blobs/uploads/:id',
    { ...options, exposeHeadRoute: false },
    async (request, reply) => {
      const upload = await getSettledUpload(deps, request, request.params.id);
      return reply.code(204).headers(progressHeaders(upload)).send();
    },
  );

  app.delete('/v2/:name/blobs/uploads/:id', options, async (request, reply) => {
    const { id } = await getUpload(deps, request, request.params.id);
    await discardUpload(deps, { id });
    return reply.code(204).send();
  });
}

async function startUpload(
  deps: UploadDeps,
  request: FastifyRequest,
  query: Type.Static<typeof StartQuery>,
  reply: FastifyReply,
) {
  const digest = query.digest === undefined ? undefined : parseDigest(query.digest);
  const mount = query.mount === undefined ? undefined : parseDigest(query.mount);
  const algorithm = parseDigestAlgorithm(query['digest-algorithm'] ?? 'sha256');
  const chunk = digest === undefined ? undefined : readChunk(deps, request);
  if (chunk?.range !== undefined && chunk.range.start !== 0) {
    throw new Refusal('BLOB_UPLOAD_INVALID', 'an upload in one request begins with byte 0');
  }
  if (mount !== undefined) {
    const from = query.from === undefined ? undefined : parseRepositoryName(query.from);
    const isMounted = await withinQuota(deps.db, pushOf(request, mount), () =>
      tryMount(deps, request.caller, { digest: mount, from, target: request.scope! }),
    );
    if (isMounted) {
      deps.metrics.uploads.inc({ result: 'mounted' });
      return sendBlobCreated(reply, request, mount);
    }
  }
  if (digest !== undefined && isWholeBlob(request, deps.config.limits.blob_bytes)) {
    const bytes = await readWholeBlob(deps, request);
    await putBlob(deps, request, { digest, bytes });
    return sendBlobCreated(reply, request, digest);
  }
  const upload = await store.beginUpload(deps.db, {
    repository: request.scope!,
    owner: ownerOf(request.caller),
    algorithm,
    location: deps.storage.newLocation(),
    isClaimed: chunk !== undefined,
  });
  if (upload === undefined) throw projectGone();
  if (digest === undefined || chunk === undefined) {
    return reply.code(202).headers(progressHeaders(upload)).send();
  }
  await withinQuota(deps.db, pushOf(request, digest), () =>
    uploadAtOnce(deps, upload, chunk, { digest, repository: request.scope! }),
  );
  return sendBlobCreated(reply, request, digest);
}

/** All in one request: what fails can't be resumed, since nobody was told of it. */
async function uploadAtOnce(
  deps: UploadDeps,
  upload: store.Upload,
  chunk: Chunk,
  end: UploadEnd,
): Promise<void> {
  try {
    await finishUpload(deps, upload, chunk, end);
  } catch (cause) {
    await discardUpload(deps, { id: upload.id });
    throw cause;
  }
}

function readChunk({ db }: UploadDeps, request: FastifyRequest): Chunk {
  const { raw, headers } = request;
  const range = parseContentRange(headers['content-range']);
  const length = headers['content-length'];
  const lengthBytes = length === undefined ? undefined : Number(length);
  if (range !== undefined && lengthBytes !== undefined) {
    if (lengthBytes !== range.end - range.start + 1) {
      throw new Refusal('SIZE_INVALID', 'Content-Range and Content-Length tell of different sizes');
    }
  }
  // The client has done its part: hashing and syncing may take longer than an idle connection lasts.
  raw.once('end', () => idleTimerOf(raw)?.setTimeout(0));
  return {
    body: raw,
    range,
    lengthBytes,
    requireRoom: (blob) => requireRoom(db, pushOf(request, blob.digest), blob),
  };
}

/** What gives up when nothing comes: the connection, or with HTTP/2 the stream; nothing in a test without either. */
function idleTimerOf(raw: FastifyRequest['raw']) {
  const { stream } = raw as { stream?: ServerHttp2Stream };
  if (stream !== undefined) return stream;
  return raw.socket instanceof Socket ? raw.socket : undefined;
}

function sendBlobCreated(reply: FastifyReply, request: FastifyRequest, digest: string) {
  return reply
    .code(201)
    .header('location', `/v2/${request.scope!.name}/blobs/${digest}`)
    .header('docker-content-digest', digest)
    .send();
}
