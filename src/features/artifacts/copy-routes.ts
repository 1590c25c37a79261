import Type from 'typebox';

import { notFound, Refusal } from '../../lib/errors.ts';
import { quote } from '../../lib/quote.ts';
import { digestFromBytes } from '../../oci/digest.ts';
import {
  findRepositoryName,
  parseReference,
  parseRepositoryName,
  type Reference,
  type RepositoryName,
} from '../../oci/reference.ts';
import { NoBody } from '../../platform/http/harbor-body.ts';
import { locationOf } from '../../platform/http/location.ts';
import type { Routes } from '../../platform/http/routes.ts';
import { actorOf, requireProjectAccess } from '../access/index.ts';
import { withinQuota } from '../quotas/index.ts';
import { NOTHING_MORE, repositoryOf } from './params.ts';
import { RepositoryParams } from './schema.ts';
import { findArtifact } from './store/artifacts.ts';
import { copyArtifact } from './store/copy.ts';

const CopyQuery = Type.Object({
  from: Type.String({
    maxLength: 600,
    description: '`project/repository:tag` or `project/repository@digest`.',
  }),
  tags: Type.Optional(
    Type.String({
      maxLength: 65_536,
      description:
        'Those of its tags to copy, separated by commas; none if empty. All if left out.',
    }),
  ),
});

/** Copies an artifact from one repository to another, within a project or between two. */
export const copyRoutes: Routes = (app, { db, lookups }) => {
  app.post(
    '/projects/:project_name/repositories/:repository_name/artifacts',
    {
      schema: {
        operationId: 'CopyArtifact',
        tags: ['artifact'],
        params: RepositoryParams,
        querystring: CopyQuery,
        response: { 201: NoBody },
      },
      config: { access: 'artifact:create', project: 'project_name' },
    },
    async (request, reply) => {
      const to = repositoryOf(request);
      parseRepositoryName(to.name);
      const { name, reference } = parseSource(request.query.from);
      const { caller } = request;
      const inSource = { name: name.project };
      await requireProjectAccess(lookups, caller, 'artifact:read', inSource);
      // Harbor does not ask for this: a robot would get at bytes that it may only read about.
      const source = await requireProjectAccess(lookups, caller, 'repository:pull', inSource);
      const from = { projectId: source.id, name: name.name };
      const artifact = await findArtifact(db, from, reference, NOTHING_MORE);
      if (artifact === undefined) throw notFound('artifact', request.query.from);
      if (artifact.accessory_type !== null) {
        throw new Refusal(
          'DENIED',
          "the operation isn't supported for an artifact accessory: copy the artifact it belongs to",
        );
      }
      const digest = digestFromBytes(artifact.digest);
      const tags = request.query.tags?.split(',').filter((tag) => tag !== '');
      const push = { repository: to.name, projectId: to.projectId, subject: { digest } };
      const isCopied = await withinQuota(db, { ...push, ...actorOf(request) }, () =>
        copyArtifact(db, { from, digest, to, tags, ...actorOf(request) }),
      );
      if (!isCopied) throw notFound('artifact', request.query.from);
      return reply.code(201).header('location', locationOf(request, digest)).send(undefined);
    },
  );
};

/** `project/repository:tag`, `project/repository@digest`; with both the digest counts, as everywhere. */
function parseSource(text: string): { name: RepositoryName; reference: Reference } {
  const [, path, tag, digest] = /^([^:@]+)(?::([^:@]+))?(?:@(.+))?$/.exec(text) ?? [];
  const name = path === undefined ? undefined : findRepositoryName(path);
  const reference = digest ?? tag;
  if (name === undefined || reference === undefined) {
    throw new Refusal(
      'BAD_REQUEST',
      `bad request: from must be project/repository:tag or project/repository@digest, not ${quote(text)}`,
    );
  }
  return { name, reference: parseReference(reference) };
}
