import { setTimeout } from 'node:timers/promises';

import type { FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';

import { Refusal } from '../../lib/errors.ts';
import { parseDigest, parseDigestAlgorithm } from '../../oci/digest.ts';
import { parseContentRange } from '../../oci/http-range.ts';
import { parseRepositoryName } from '../../oci/reference.ts';
import type { App, Routes } from '../../platform/http/routes.ts';
import type { Platform } from '../../platform/index.ts';
import type { Caller } from '../access/index.ts';
import { ensureRepository } from '../artifacts/index.ts';
import { LiveHashes } from './live-hash.ts';
import { tryMount } from './mount-blob.ts';
import { repositoryOf } from './repository-param.ts';
import * as store from './store.ts';
import {
  appendChunk,
  discardUpload,
  finishUpload,
  outOfOrder,
  type UploadDeps,
} from './upload-session.ts';

const Params = Type.Object({ name: Type.String(), id: Type.String() });
const StartQuery = Type.Object({
  mount: Type.Optional(Type.String()),
  from: Type.Optional(Type.String()),
  digest: Type.Optional(Type.String()),
  'digest-algorithm': Type.Optional(Type.String()),
});
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** How long a chunk waits for the one before it, whose connection may just be breaking. */
const BUSY_WAIT_MS = 5000;
const STATUS_WAIT_MS = 1000;
const BUSY_POLL_MS = 50;

const config = { access: 'repository:push', repository: repositoryOf };
const hidden = { hide: true } as const;

/** OCI 1.1 §pushing-blobs, and the upload status and cancel of the Docker Registry HTTP API v2. */
export const uploadRoutes: Routes = (app, platform) => {
  const deps: UploadDeps = { ...platform, liveHashes: new LiveHashes() };
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
      const chunk = readChunk(request);
      const upload = await getWritableUpload(deps, request, request.params.id, chunk.range?.start);
      const sizeBytes = await appendChunk(deps, upload, chunk);
      return sendProgress(reply.code(202), request, { ...upload, offset_bytes: sizeBytes });
    },
  );

  app.put(
    '/v2/:name/blobs/uploads/:id',
    { schema: { ...hidden, params: Params, querystring: StartQuery }, config },
    async (request, reply) => {
      const digest = parseDigest(request.query.digest ?? '');
      const chunk = readChunk(request);
      const upload = await getWritableUpload(deps, request, request.params.id, chunk.range?.start);
      await finishUpload(deps, upload, chunk, digest);
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
      const upload = await getSettledUpload(deps, request, request.params.id, STATUS_WAIT_MS);
      return sendProgress(reply.code(204), request, upload);
    },
  );

  app.delete('/v2/:name/blobs/uploads/:id', options, async (request, reply) => {
    const upload = await getUpload(deps.db, request, request.params.id);
    await discardUpload(deps, upload);
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
  const repositoryId = await ensureRepository(deps.db, request.scope!);
  if (repositoryId === undefined) {
    throw new Refusal('NAME_UNKNOWN', 'the project is not there any more');
  }
  if (mount !== undefined) {
    const from = query.from === undefined ? undefined : parseRepositoryName(query.from);
    const target = { target: request.scope!, targetId: repositoryId };
    if (await tryMount(deps.db, request.caller, { digest: mount, from, ...target })) {
      deps.metrics.uploads.inc({ result: 'mounted' });
      return sendBlobCreated(reply, request, mount);
    }
  }
  const upload = await store.insertUpload(deps.db, {
    repository_id: repositoryId,
    owner: ownerOf(request.caller),
    algorithm,
    location: deps.storage.newLocation(),
  });
  if (digest === undefined) return sendProgress(reply.code(202), request, upload);
  await finishUpload(deps, upload, readChunk(request), digest);
  return sendBlobCreated(reply, request, digest);
}

function readChunk(request: FastifyRequest): {
  body: FastifyRequest['raw'];
  range: ReturnType<typeof parseContentRange>;
} {
  const range = parseContentRange(request.headers['content-range']);
  const length = request.headers['content-length'];
  if (
    range !== undefined &&
    length !== undefined &&
    Number(length) !== range.end - range.start + 1
  ) {
    throw new Refusal('SIZE_INVALID', 'Content-Range and Content-Length tell of different sizes');
  }
  return { body: request.raw, range };
}

async function getUpload(
  db: Platform['db'],
  { caller, scope }: FastifyRequest,
  id: string,
): Promise<store.Upload> {
  const upload = UUID.test(id)
    ? await store.findUpload(db, { id, owner: ownerOf(caller), repository: scope! })
    : undefined;
  if (upload === undefined) {
    throw new Refusal(
      'BLOB_UPLOAD_UNKNOWN',
      'there is no such upload of yours in this repository; start a new one',
    );
  }
  return upload;
}

/** The upload, once nobody else writes to it, if it ends where the chunk starts. */
async function getWritableUpload(
  deps: UploadDeps,
  request: FastifyRequest,
  id: string,
  start: number | undefined,
): Promise<store.Upload> {
  const upload = await getSettledUpload(deps, request, id, BUSY_WAIT_MS);
  const isBusy = upload.is_leased && !upload.is_lease_over;
  if (isBusy || (start !== undefined && start !== upload.offset_bytes)) {
    throw outOfOrder(upload.offset_bytes);
  }
  return upload;
}

/** Gives whoever writes to the upload some time to end: their connection may just have broken. */
async function getSettledUpload(
  { db }: UploadDeps,
  request: FastifyRequest,
  id: string,
  waitMs: number,
): Promise<store.Upload> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    const upload = await getUpload(db, request, id);
    const isBusy = upload.is_leased && !upload.is_lease_over;
    if (!isBusy || performance.now() > deadline) return upload;
    await setTimeout(BUSY_POLL_MS);
  }
}

/** Only whoever began an upload may go on with it. */
function ownerOf(caller: Caller): string {
  return caller.user === undefined ? 'anonymous' : `user:${caller.user.id}`;
}

function sendProgress(
  reply: FastifyReply,
  request: FastifyRequest,
  { id, offset_bytes }: store.Upload,
) {
  return reply
    .header('location', `/v2/${request.scope!.name}/blobs/uploads/${id}`)
    .header('docker-upload-uuid', id)
    .header('range', `0-${Math.max(0, offset_bytes - 1)}`)
    .send();
}

function sendBlobCreated(reply: FastifyReply, request: FastifyRequest, digest: string) {
  return reply
    .code(201)
    .header('location', `/v2/${request.scope!.name}/blobs/${digest}`)
    .header('docker-content-digest', digest)
    .send();
}
