import type { Routes } from '../../platform/http/routes.ts';
import { blobRoutes } from './blob-routes.ts';
import { listRoutes } from './list-routes.ts';
import { manifestRoutes } from './manifest-routes.ts';
import { referrerRoutes } from './referrer-routes.ts';
import { uploadRoutes } from './upload-routes.ts';

export { expireUploads, giveUpUpload } from './upload-bytes.ts';

/** All of `/v2`. Bodies are not parsed: they are blobs, and manifests whose exact bytes count. */
export const distributionRoutes: Routes = async (app, platform) => {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  // OCI 1.1 §determining-support: 200 for whoever has signed in, and for whoever has a token.
  app.get('/v2/', { schema: { hide: true }, config: { access: 'registry' } }, async () => ({}));
  await blobRoutes(app, platform);
  await uploadRoutes(app, platform);
  await manifestRoutes(app, platform);
  await listRoutes(app, platform);
  await referrerRoutes(app, platform);
};
