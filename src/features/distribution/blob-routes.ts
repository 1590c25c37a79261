import Type from 'typebox';

import { Refusal } from '../../lib/errors.ts';
import { parseDigest, type Digest } from '../../oci/digest.ts';
import { matchesEtag } from '../../oci/http-range.ts';
import type { Routes } from '../../platform/http/routes.ts';
import { deleteBlob, findBlob } from '../artifacts/index.ts';
import { repositoryOf } from './repository-param.ts';
import { sendBlob } from './send-blob.ts';

const Params = Type.Object({ name: Type.String(), digest: Type.String() });

/** OCI 1.1 §pulling-blobs and §deleting-blobs. */
export const blobRoutes: Routes = (app, { db, storage, metrics }) => {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/v2/:name/blobs/:digest',
    schema: { hide: true, params: Params },
    config: { access: 'repository:pull', repository: repositoryOf },
    handler: async (request, reply) => {
      const digest = parseDigest(request.params.digest);
      const blob = await findBlob(db, request.scope!, digest);
      if (blob === undefined) throw blobUnknown(digest);
      reply
        .header('docker-content-digest', digest)
        .header('etag', `"${digest}"`)
        .header('accept-ranges', 'bytes')
        .header('cache-control', 'private, max-age=31536000, immutable');
      if (matchesEtag(request.headers['if-none-match'], digest)) return reply.code(304).send();
      reply.type('application/octet-stream');
      if (request.method === 'HEAD') return reply.header('content-length', blob.size_bytes).send();
      const { range, 'if-range': ifRange } = request.headers;
      // RFC 9110 §13.1.5: a part is of no use to whoever has parts of something else.
      const isSame = ifRange === undefined || ifRange === `"${digest}"`;
      await sendBlob({ storage }, reply, blob, isSame ? range : undefined);
      metrics.bytesSent.inc(Number(reply.getHeader('content-length')));
      return reply;
    },
  });

  app.delete(
    '/v2/:name/blobs/:digest',
    {
      schema: { hide: true, params: Params },
      config: { access: 'repository:delete', repository: repositoryOf },
    },
    async (request, reply) => {
      const digest = parseDigest(request.params.digest);
      if (!(await deleteBlob(db, request.scope!, digest))) throw blobUnknown(digest);
      return reply.code(202).send();
    },
  );
};

function blobUnknown(digest: Digest): Refusal {
  return new Refusal('BLOB_UNKNOWN', `the blob ${digest} is not in this repository`, {
    detail: { digest },
  });
}
