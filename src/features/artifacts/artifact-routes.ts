import Type, { type Static } from 'typebox';

import { notFound, Refusal } from '../../lib/errors.ts';
import { digestFromBytes } from '../../oci/digest.ts';
import { NoBody } from '../../platform/http/harbor-body.ts';
import { ListQuery, setPageHeaders, toListOptions } from '../../platform/http/paging.ts';
import type { Routes } from '../../platform/http/routes.ts';
import { actorOf } from '../access/index.ts';
import { toAccessoryReply, toArtifactReply } from './artifact-reply.ts';
import * as schema from './artifact-schema.ts';
import { openDescriber } from './describe.ts';
import { getArtifact, repositoryOf } from './params.ts';
import { RepositoryParams } from './schema.ts';
import { listAccessories } from './store/accessories.ts';
import * as store from './store/artifacts.ts';
import { deleteArtifact } from './store/delete-manifests.ts';

/** Harbor's lists of artifacts, of a repository and of a project, and what belongs to one artifact. */
export const artifactRoutes: Routes = (app, platform) => {
  const { db } = platform;
  const describe = openDescriber(platform);

  app.get(
    '/projects/:project_name/repositories/:repository_name/artifacts',
    {
      schema: {
        operationId: 'listArtifacts',
        tags: ['artifact'],
        params: RepositoryParams,
        querystring: schema.ArtifactList,
        headers: schema.ScanHeaders,
        response: { 200: Type.Array(schema.ArtifactReply) },
      },
      config: { access: 'artifact:list', project: 'project_name' },
    },
    async (request, reply) => {
      const { query } = request;
      const list = {
        scope: { repository: repositoryOf(request) },
        isLatestOnly: false,
        options: toOptions(query),
      };
      const { artifacts, total } = await store.listArtifacts(db, list, toListOptions(query));
      setPageHeaders(request, reply, query, total);
      return (await describe(artifacts)).map(toArtifactReply);
    },
  );

  app.get(
    '/projects/:project_name_or_id/artifacts',
    {
      schema: {
        operationId: 'listArtifactsOfProject',
        tags: ['project'],
        params: Type.Object({ project_name_or_id: Type.String() }),
        querystring: schema.ProjectArtifactList,
        headers: schema.ScanHeaders,
        response: { 200: Type.Array(schema.ArtifactReply) },
      },
      config: { access: 'artifact:list', project: 'project_name_or_id' },
    },
    async (request, reply) => {
      const { query, standing } = request;
      const options = toListOptions(query);
      if (query.latest_in_repository) requireOneType(options.conditions);
      const list = {
        scope: { projectId: standing!.id },
        isLatestOnly: query.latest_in_repository,
        options: toOptions(query),
      };
      const { artifacts, total } = await store.listArtifacts(db, list, options);
      setPageHeaders(request, reply, query, total);
      return (await describe(artifacts)).map(toArtifactReply);
    },
  );

  app.get(
    '/projects/:project_name/repositories/:repository_name/artifacts/:reference',
    {
      schema: {
        operationId: 'getArtifact',
        tags: ['artifact'],
        params: schema.ArtifactParams,
        querystring: schema.ArtifactQuery,
        headers: schema.ScanHeaders,
        response: { 200: schema.ArtifactReply },
      },
      config: { access: 'artifact:read', project: 'project_name' },
    },
    async (request) => {
      const artifact = await getArtifact(db, request, toOptions(request.query));
      const [described] = await describe([artifact]);
      return toArtifactReply(described!);
    },
  );

  app.delete(
    '/projects/:project_name/repositories/:repository_name/artifacts/:reference',
    {
      schema: {
        operationId: 'deleteArtifact',
        tags: ['artifact'],
        params: schema.ArtifactParams,
        response: { 200: NoBody },
      },
      config: { access: 'artifact:delete', project: 'project_name' },
    },
    async (request, reply) => {
      const digest = digestFromBytes((await getArtifact(db, request)).digest);
      const isDeleted = await deleteArtifact(db, repositoryOf(request), digest, actorOf(request));
      if (!isDeleted) throw notFound('artifact', digest);
      return reply.send(undefined);
    },
  );

  app.get(
    '/projects/:project_name/repositories/:repository_name/artifacts/:reference/accessories',
    {
      schema: {
        operationId: 'listAccessories',
        tags: ['artifact'],
        params: schema.ArtifactParams,
        querystring: ListQuery,
        response: { 200: Type.Array(schema.AccessoryReply) },
      },
      config: { access: 'accessory:list', project: 'project_name' },
    },
    async (request, reply) => {
      const { query } = request;
      const artifact = await getArtifact(db, request);
      const { accessories, total } = await listAccessories(db, artifact, toListOptions(query));
      setPageHeaders(request, reply, query, total);
      return accessories.map((accessory) => toAccessoryReply(artifact.repository_name, accessory));
    },
  );
};

type WithFlags = Pick<
  Static<typeof schema.ArtifactQuery>,
  'with_tag' | 'with_label' | 'with_accessory' | 'with_inherited_accessory'
>;

const toOptions = (query: WithFlags) => ({
  withTags: query.with_tag,
  withLabels: query.with_label,
  withAccessories: query.with_accessory,
  withInheritedAccessories: query.with_inherited_accessory,
});

/** Among artifacts of every type, the latest of a repository would say little. */
function requireOneType(conditions: { key: string }[]): void {
  const types = conditions.filter(({ key }) => key === 'mediatype' || key === 'artifacttype');
  if (types.length === 1) return;
  throw new Refusal(
    'BAD_REQUEST',
    'bad request: latest_in_repository needs either media_type or artifact_type in the parameter q',
  );
}
