import Type from 'typebox';

import { notFound } from '../../lib/errors.ts';
import { NoBody, Reply, timestamp } from '../../platform/http/harbor-body.ts';
import { PageQuery, setPageHeaders, toLimits } from '../../platform/http/paging.ts';
import type { Routes } from '../../platform/http/routes.ts';
import { actorOf } from '../access/index.ts';
import * as store from './store/repositories.ts';

const ProjectParams = Type.Object({ project_name: Type.String() });
const RepositoryParams = Type.Object({
  ...ProjectParams.properties,
  repository_name: Type.String({ minLength: 1 }),
});
const RepositoryReply = Reply({
  id: Type.Integer(),
  project_id: Type.Integer(),
  name: Type.String(),
  artifact_count: Type.Integer(),
  creation_time: Type.String({ format: 'date-time' }),
});

/** Harbor's `/projects/{p}/repositories`. */
export const repositoryRoutes: Routes = (app, { db }) => {
  app.get(
    '/projects/:project_name/repositories',
    {
      schema: {
        operationId: 'listRepositories',
        tags: ['repository'],
        params: ProjectParams,
        querystring: PageQuery,
        response: { 200: Type.Array(RepositoryReply) },
      },
      config: { access: 'repository:list', project: 'project_name' },
    },
    async (request, reply) => {
      const { repositories, total } = await store.listRepositories(
        db,
        request.standing!.id,
        toLimits(request.query),
      );
      setPageHeaders(request, reply, request.query, total);
      return repositories.map(({ created_at, ...row }) => ({
        ...row,
        creation_time: timestamp(created_at),
      }));
    },
  );

  app.delete(
    '/projects/:project_name/repositories/:repository_name',
    {
      schema: {
        operationId: 'deleteRepository',
        tags: ['repository'],
        params: RepositoryParams,
        response: { 200: NoBody },
      },
      config: { access: 'repository:delete', project: 'project_name' },
    },
    async (request, reply) => {
      const { standing, params } = request;
      const name = `${standing!.name}/${decodeName(params.repository_name)}`;
      const isDeleted = await store.deleteRepository(
        db,
        { projectId: standing!.id, name },
        actorOf(request),
      );
      if (!isDeleted) throw notFound('repository', name);
      return reply.send(undefined);
    },
  );
};

/** Harbor's clients encode the slashes of a name twice; the router has removed one layer. */
function decodeName(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}
