import Type from 'typebox';

import { notFound, Refusal } from '../../lib/errors.ts';
import { digestFromBytes } from '../../oci/digest.ts';
import { parseTag } from '../../oci/reference.ts';
import { NoBody } from '../../platform/http/harbor-body.ts';
import { locationOf } from '../../platform/http/location.ts';
import { setNextHeaders, setPageHeaders, toListOptions } from '../../platform/http/paging.ts';
import type { Routes } from '../../platform/http/routes.ts';
import { actorOf } from '../access/index.ts';
import { toTagReply } from './artifact-reply.ts';
import * as schema from './artifact-schema.ts';
import { getArtifact, repositoryOf } from './params.ts';
import * as store from './store/tags.ts';

const PATH = '/projects/:project_name/repositories/:repository_name/artifacts/:reference/tags';

/** The tags of an artifact. */
export const tagRoutes: Routes = (app, { db }) => {
  app.get(
    PATH,
    {
      schema: {
        operationId: 'listTags',
        tags: ['artifact'],
        params: schema.ArtifactParams,
        querystring: schema.TagList,
        response: { 200: Type.Array(schema.TagReply) },
      },
      config: { access: 'tag:list', project: 'project_name' },
    },
    async (request, reply) => {
      const { query } = request;
      const artifact = await getArtifact(db, request);
      const options = toListOptions(query);
      const { tags, total } = await store.listTags(db, artifact, {
        ...options,
        after: query.after,
      });
      if (query.after === undefined) {
        setPageHeaders(request, reply, query, total);
      } else {
        const last = tags.length === options.limit ? tags.at(-1)!.name : undefined;
        const next = last === undefined ? undefined : { after: last };
        setNextHeaders(request, reply, { total, next });
      }
      return tags.map((tag) => toTagReply(artifact, tag));
    },
  );

  app.post(
    PATH,
    {
      schema: {
        operationId: 'createTag',
        tags: ['artifact'],
        params: schema.ArtifactParams,
        querystring: schema.TagCreation,
        body: schema.NewTag,
        response: { 201: NoBody },
      },
      config: { access: 'tag:create', project: 'project_name' },
    },
    async (request, reply) => {
      const name = requireTagName(request.body.name);
      const artifact = await getArtifact(db, request);
      const isMade = await store.createTag(
        db,
        repositoryOf(request),
        { name, digest: digestFromBytes(artifact.digest), moves: request.query.move },
        actorOf(request),
      );
      if (!isMade) throw notFound('artifact', request.params.reference);
      return reply.code(201).header('location', locationOf(request, name)).send(undefined);
    },
  );

  app.delete(
    `${PATH}/:tag_name`,
    {
      schema: {
        operationId: 'deleteTag',
        tags: ['artifact'],
        params: schema.TagParams,
        response: { 200: NoBody },
      },
      config: { access: 'tag:delete', project: 'project_name' },
    },
    async (request, reply) => {
      const { digest } = await getArtifact(db, request);
      const tag = { name: request.params.tag_name, of: digestFromBytes(digest) };
      const isDeleted = await store.deleteTag(db, repositoryOf(request), tag, actorOf(request));
      if (!isDeleted) throw notFound('tag', tag.name);
      return reply.send(undefined);
    },
  );
};

function requireTagName(text: string): string {
  try {
    return parseTag(text);
  } catch (cause) {
    if (!(cause instanceof Refusal)) throw cause;
    throw new Refusal('BAD_REQUEST', `bad request: ${cause.message}`, { cause });
  }
}
