import Type from 'typebox';

import { notFound, Refusal } from '../../lib/errors.ts';
import { limitConcurrency } from '../../lib/limit-concurrency.ts';
import { parseManifest } from '../../oci/manifest.ts';
import type { Routes } from '../../platform/http/routes.ts';
import { ADDITION_NAMES, findAddition } from './additions/index.ts';
import { ArtifactParams } from './artifact-schema.ts';
import { getArtifact } from './params.ts';
import { findBlobOf, findBytesOf } from './store/contents.ts';

/** How many are made at a time, by all requests of a process together: each may take a few megabytes. */
const AT_ONCE = 4;

/** What is shown of an artifact besides: read from its blobs when it is asked for. */
export const additionRoutes: Routes = (app, { db, storage }) => {
  const limited = limitConcurrency(AT_ONCE);

  app.get(
    '/projects/:project_name/repositories/:repository_name/artifacts/:reference/additions/:addition',
    {
      schema: {
        operationId: 'getAddition',
        tags: ['artifact'],
        params: Type.Object({
          ...ArtifactParams.properties,
          addition: Type.Enum([...ADDITION_NAMES]),
        }),
        response: { 200: Type.String() },
      },
      config: { access: 'artifact-addition:read', project: 'project_name' },
    },
    async (request, reply) => {
      const artifact = await getArtifact(db, request);
      const { addition } = request.params;
      const read = findAddition(artifact, addition);
      if (read === undefined) {
        throw new Refusal(
          'BAD_REQUEST',
          `bad request: the addition ${addition} isn't supported for ${artifact.type}`,
        );
      }
      const { contentType, content } = await limited(async () => {
        const bytes = await findBytesOf(db, artifact);
        if (bytes === undefined) throw notFound('artifact', request.params.reference);
        const manifest = parseManifest(bytes, artifact.media_type);
        return read({ manifest, storage, findBlob: (digest) => findBlobOf(db, artifact, digest) });
      });
      return reply
        .header('x-content-type-options', 'nosniff')
        .type(contentType)
        .send(content as never);
    },
  );
};
