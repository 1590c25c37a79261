import type { FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';

import { ByteCache } from '../../lib/byte-cache.ts';
import { Refusal } from '../../lib/errors.ts';
import { SharedReads } from '../../lib/shared-reads.ts';
import { digestAlgorithm, digestOf, type Digest } from '../../oci/digest.ts';
import { parseReference, parseTag, type Reference } from '../../oci/reference.ts';
import { matchesEtag } from '../../oci/http-range.ts';
import type { Routes } from '../../platform/http/routes.ts';
import { actorOf } from '../access/index.ts';
import {
  deleteManifest,
  deleteTag,
  isRepository,
  openArtifactLookups,
  openPullCounter,
  type FoundManifest,
} from '../artifacts/index.ts';
import { pushManifest } from './push-manifest.ts';
import { readBody } from './read-body.ts';
import { recordPull } from './record-pull.ts';
import { repositoryOf } from './repository-param.ts';

interface Params {
  name: string;
  reference: string;
}

/** What a process keeps of the manifests it served. */
const KEPT_BYTES = 8 * 1024 * 1024;

const PushQuery = Type.Object({
  tag: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())])),
});

/** OCI 1.1 §pulling-manifests, §pushing-manifests, §deleting-tags and §deleting-manifests. */
export const manifestRoutes: Routes = (app, platform) => {
  const { db, lookups, config } = platform;
  const { findManifest, findManifestBytes } = openArtifactLookups(lookups);
  const countPull = openPullCounter(platform);
  const kept = new ByteCache(KEPT_BYTES);
  const shared = new SharedReads<Buffer>();

  app.route<{ Params: Params }>({
    method: ['GET', 'HEAD'],
    url: '/v2/:name/manifests/:reference',
    schema: { hide: true },
    config: { access: 'repository:pull', repository: repositoryOf },
    handler: async (request, reply) => {
      const reference = parseReference(request.params.reference);
      const manifest = await findManifest(request.scope!, reference);
      if (manifest === undefined) throw await manifestUnknown(request, reference);
      const { digest } = manifest;
      if (manifest.isDamaged) throw manifestDamaged(digest);
      reply.headers({ 'docker-content-digest': digest, etag: `"${digest}"` });
      if (matchesEtag(request.headers['if-none-match'], digest)) return reply.code(304).send();
      reply.headers({ 'content-type': manifest.mediaType, 'content-length': manifest.sizeBytes });
      if (request.method === 'HEAD') return reply.send();
      const bytes = kept.get(digest) ?? (await shared.read(digest, () => readManifest(manifest)));
      if (bytes === undefined) throw await manifestUnknown(request, reference);
      kept.set(digest, bytes);
      countPull(manifest, reference.tag);
      await recordPull(platform, request, reference, digest);
      return reply.send(bytes);
    },
  });

  app.put<{ Params: Params; Querystring: Static<typeof PushQuery> }>(
    '/v2/:name/manifests/:reference',
    {
      schema: { hide: true, querystring: PushQuery },
      config: { access: 'repository:push', repository: repositoryOf },
    },
    async (request, reply) => {
      const reference = parseReference(request.params.reference);
      const tags = [...new Set([request.query.tag ?? []].flat().map(parseTag))];
      const { digest, manifest } = await pushManifest(db, {
        repository: request.scope!,
        reference,
        tags,
        maxTags: config.limits.tags_per_push,
        allowMissingBlobs: config.manifests.allow_missing_blobs,
        bytes: await readBody(request, config.limits.manifest_bytes, 'manifest'),
        contentType: request.headers['content-type'],
        actor: actorOf(request),
      });
      reply
        .code(201)
        .header('location', `/v2/${request.scope!.name}/manifests/${digest}`)
        .header('docker-content-digest', digest);
      if (manifest.subject !== undefined) reply.header('oci-subject', manifest.subject.digest);
      if (tags.length > 0) reply.header('oci-tag', tags.join(', '));
      return reply.send();
    },
  );

  app.delete<{ Params: Params }>(
    '/v2/:name/manifests/:reference',
    {
      schema: { hide: true },
      config: { access: 'repository:delete', repository: repositoryOf },
    },
    async (request, reply) => {
      const reference = parseReference(request.params.reference);
      const isDeleted =
        reference.tag === undefined
          ? await deleteManifest(db, request.scope!, reference.digest, actorOf(request))
          : await deleteTag(db, request.scope!, { name: reference.tag }, actorOf(request));
      if (!isDeleted) throw await manifestUnknown(request, reference);
      return reply.code(202).send();
    },
  );

  /** What is kept serves every repository, so it has to be right. */
  async function readManifest(manifest: FoundManifest): Promise<Buffer | undefined> {
    const bytes = await findManifestBytes(manifest);
    const { digest } = manifest;
    if (bytes === undefined || digestOf(bytes, digestAlgorithm(digest)) === digest) return bytes;
    throw new Error(`the bytes of the manifest ${digest} are damaged; see roadstead fsck --verify`);
  }

  async function manifestUnknown(
    { scope }: FastifyRequest,
    { tag, digest }: Reference,
  ): Promise<Refusal> {
    if (!(await isRepository(db, scope!))) {
      return new Refusal('NAME_UNKNOWN', `there is no repository ${scope!.name}`, {
        detail: { name: scope!.name },
      });
    }
    const message = `the repository ${scope!.name} has no manifest ${tag ?? digest}`;
    return new Refusal('MANIFEST_UNKNOWN', message, { detail: { reference: tag ?? digest } });
  }
};

/** 404, so that whoever asks before a push sends it. */
function manifestDamaged(digest: Digest): Refusal {
  return new Refusal(
    'MANIFEST_UNKNOWN',
    `the bytes of the manifest ${digest} are damaged; push it again, and it is served again`,
    { detail: { digest, damaged: true } },
  );
}
