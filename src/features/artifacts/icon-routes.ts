import Type from 'typebox';

import { notFound } from '../../lib/errors.ts';
import { digestToBytes, findDigest } from '../../oci/digest.ts';
import { Reply } from '../../platform/http/harbor-body.ts';
import type { Routes } from '../../platform/http/routes.ts';
import { listAllowedProjectIds, type Caller } from '../access/index.ts';
import { detectImageType, findDrawnIcon, MOST_ICON_BYTES, type Icon } from './icons.ts';
import { findArtifactIcon } from './store/attributes.ts';

/** Harbor's `/icons/{digest}`: what artifacts and accessories are shown with. */
export const iconRoutes: Routes = (app, { db, storage }) => {
  app.get(
    '/icons/:digest',
    {
      schema: {
        operationId: 'getIcon',
        tags: ['icon'],
        params: Type.Object({ digest: Type.String({ maxLength: 256 }) }),
        response: {
          200: Reply({
            'content-type': Type.String(),
            content: Type.String({ description: 'Base64.' }),
          }),
        },
      },
      config: { open: true },
    },
    async ({ params: { digest }, caller }) => {
      const icon = findDrawnIcon(digest) ?? (await findIcon(caller, digest));
      if (icon === undefined) throw notFound('icon', digest);
      return { 'content-type': icon.contentType, content: icon.content.toString('base64') };
    },
  );

  async function findIcon(caller: Caller, text: string): Promise<Icon | undefined> {
    const digest = findDigest(text);
    if (digest === undefined) return undefined;
    const visibleIn = await listAllowedProjectIds(db, caller, 'artifact:read');
    const found = await findArtifactIcon(db, digestToBytes(digest), visibleIn);
    if (found === undefined || found.size_bytes > MOST_ICON_BYTES) return undefined;
    const content = await storage.readWhole(found.location);
    const contentType = detectImageType(content);
    return contentType === undefined ? undefined : { contentType, content };
  }
};
