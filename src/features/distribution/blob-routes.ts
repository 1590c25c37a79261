import type { IncomingHttpHeaders } from 'node:http';

import { ByteCache } from '../../lib/byte-cache.ts';
import { Refusal } from '../../lib/errors.ts';
import { parseDigest, type Digest } from '../../oci/digest.ts';
import { matchesEtag } from '../../oci/http-range.ts';
import type { Routes } from '../../platform/http/routes.ts';
import { deleteBlob, openArtifactLookups, touchBlob, type FoundBlob } from '../artifacts/index.ts';
import { repositoryOf } from './repository-param.ts';
import { sendBlob } from './send-blob.ts';

interface Params {
  name: string;
  digest: string;
}

/** Configs, charts, signatures: as large as they get, and what a process keeps of them. */
const SMALL_BLOB_BYTES = 64 * 1024;
const KEPT_BYTES = 8 * 1024 * 1024;

/** OCI 1.1 §pulling-blobs and §deleting-blobs. */
export const blobRoutes: Routes = (app, { db, lookups, storage, metrics }) => {
  const { findBlob } = openArtifactLookups(lookups);
  const small = new ByteCache(KEPT_BYTES);

  app.route<{ Params: Params }>({
    method: ['GET', 'HEAD'],
    url: '/v2/:name/blobs/:digest',
    schema: { hide: true },
    config: { access: 'repository:pull', repository: repositoryOf },
    handler: async (request, reply) => {
      const digest = parseDigest(request.params.digest);
      const blob = await findBlob(request.scope!, digest);
      if (blob === undefined) throw blobUnknown(digest);
      if (blob.isDamaged) throw blobDamaged(digest);
      // Whoever asks, rather than reads, is about to push a manifest that needs it.
      const isPushing = request.method === 'HEAD' && blob.isStale;
      if (isPushing && !(await touchBlob(db, blob))) throw blobUnknown(digest);
      reply.headers({
        'docker-content-digest': digest,
        etag: `"${digest}"`,
        'accept-ranges': 'bytes',
        'cache-control': 'private, max-age=31536000, immutable',
      });
      if (matchesEtag(request.headers['if-none-match'], digest)) return reply.code(304).send();
      reply.header('content-type', 'application/octet-stream');
      if (request.method === 'HEAD') return reply.header('content-length', blob.sizeBytes).send();
      const range = readRange(request.headers, digest);
      if (range === undefined && blob.sizeBytes <= SMALL_BLOB_BYTES) {
        metrics.bytesSent.inc(blob.sizeBytes);
        return reply.send(await readSmall(blob));
      }
      const url = await storage.findUrl?.(blob.location, request.ip);
      if (url !== undefined) {
        metrics.blobRedirects.inc();
        return reply.code(307).headers({ location: url, 'cache-control': 'no-store' }).send();
      }
      await sendBlob({ storage, metrics }, reply, blob, range);
      return reply;
    },
  });

  /** Kept by location: a blob whose bytes were damaged gets others. */
  async function readSmall({ location, sizeBytes }: FoundBlob): Promise<Buffer> {
    const kept = small.get(location);
    if (kept !== undefined) return kept;
    const bytes = await storage.readWhole(location);
    if (bytes.byteLength !== sizeBytes) {
      throw new Error(`${location} holds ${bytes.byteLength} bytes, not ${sizeBytes}`);
    }
    small.set(location, bytes);
    return bytes;
  }

  app.delete<{ Params: Params }>(
    '/v2/:name/blobs/:digest',
    {
      schema: { hide: true },
      config: { access: 'repository:delete', repository: repositoryOf },
    },
    async (request, reply) => {
      const digest = parseDigest(request.params.digest);
      if (!(await deleteBlob(db, request.scope!, digest))) throw blobUnknown(digest);
      return reply.code(202).send();
    },
  );
};

/** The ranges that are asked for. A part is of no use to whoever has parts of something else (RFC 9110 §13.1.5). */
function readRange(
  { range, 'if-range': ifRange }: IncomingHttpHeaders,
  digest: Digest,
): string | undefined {
  return ifRange === undefined || ifRange === `"${digest}"` ? range : undefined;
}

function blobUnknown(digest: Digest): Refusal {
  return new Refusal('BLOB_UNKNOWN', `the blob ${digest} is not in this repository`, {
    detail: { digest },
  });
}

/** 404, so that whoever asks before a push sends it. */
function blobDamaged(digest: Digest): Refusal {
  return new Refusal(
    'BLOB_UNKNOWN',
    `the bytes of the blob ${digest} are lost or damaged; push it again, to any repository, and it is served again`,
    { detail: { digest, damaged: true } },
  );
}
