import Type from 'typebox';

import { Refusal } from '../../lib/errors.ts';
import { parseDigest } from '../../oci/digest.ts';
import { OCI_IMAGE_INDEX } from '../../oci/media-type.ts';
import type { Routes } from '../../platform/http/routes.ts';
import { listReferrers, type ReferrerRow } from '../artifacts/index.ts';
import { repositoryOf } from './repository-param.ts';

const ReferrersQuery = Type.Object({
  artifactType: Type.Optional(Type.String({ maxLength: 255 })),
  n: Type.Optional(Type.Integer({ minimum: 1 })),
  last: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
});

const PAGE_ENTRIES = 500;
/** Clients need not take a manifest of more than 4 MiB; annotations can make descriptors large. */
const PAGE_BYTES = 3 * 1024 * 1024;

/** OCI 1.1 §listing-referrers. */
export const referrerRoutes: Routes = (app, { db, config }) => {
  app.get(
    '/v2/:name/referrers/:digest',
    {
      schema: {
        hide: true,
        params: Type.Object({ name: Type.String(), digest: Type.String() }),
        querystring: ReferrersQuery,
      },
      config: { access: 'repository:pull', repository: repositoryOf },
    },
    async ({ scope, params, query }, reply) => {
      const subject = parseDigest(params.digest);
      const artifactType = query.artifactType || undefined;
      if (artifactType?.includes('\0') === true) {
        throw new Refusal('BAD_REQUEST', 'artifactType must be a media type');
      }
      const limit = Math.min(query.n ?? PAGE_ENTRIES, PAGE_ENTRIES, config.limits.page_entries);
      const { referrers, hasMore } = await listReferrers(db, scope!, {
        subject,
        artifactType,
        afterId: query.last ?? 0,
        limit,
        maxBytes: PAGE_BYTES,
      });
      if (hasMore) {
        const next = new URLSearchParams({ n: String(limit), last: String(referrers.at(-1)!.id) });
        if (artifactType !== undefined) next.set('artifactType', artifactType);
        reply.header(
          'link',
          `</v2/${scope!.name}/referrers/${subject}?${next.toString()}>; rel="next"`,
        );
      }
      if (artifactType !== undefined) reply.header('oci-filters-applied', 'artifactType');
      const index = {
        schemaVersion: 2,
        mediaType: OCI_IMAGE_INDEX,
        manifests: referrers.map(toDescriptor),
      };
      // Bytes, since Fastify gives texts a charset, which this media type has not.
      return reply.type(OCI_IMAGE_INDEX).send(Buffer.from(JSON.stringify(index)));
    },
  );
};

function toDescriptor({ digest, mediaType, artifactType, sizeBytes, annotations }: ReferrerRow) {
  return {
    mediaType,
    digest,
    size: sizeBytes,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  };
}
