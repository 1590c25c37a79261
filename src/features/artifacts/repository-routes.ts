import Type from 'typebox';

import { notFound } from '../../lib/errors.ts';
import { inTransaction } from '../../platform/db/transaction.ts';
import { emit } from '../../platform/events/index.ts';
import { NoBody, timestamp } from '../../platform/http/harbor-body.ts';
import { ListQuery, setPageHeaders, toListOptions } from '../../platform/http/paging.ts';
import type { Routes } from '../../platform/http/routes.ts';
import { actorOf, listAllowedProjectIds } from '../access/index.ts';
import { repositoryOf } from './params.ts';
import * as schema from './schema.ts';
import { deleteRepository } from './store/repositories.ts';
import * as store from './store/repository-overview.ts';

/** Harbor's `/repositories` and `/projects/{p}/repositories`. */
export const repositoryRoutes: Routes = (app, { db }) => {
  app.get(
    '/repositories',
    {
      schema: {
        operationId: 'listAllRepositories',
        tags: ['repository'],
        querystring: ListQuery,
        response: { 200: Type.Array(schema.RepositoryReply) },
      },
      config: { open: true },
    },
    async (request, reply) => {
      const { caller, query } = request;
      const visibleIn = await listAllowedProjectIds(db, caller, 'repository:list');
      const list = await store.listRepositories(db, { visibleIn }, toListOptions(query));
      setPageHeaders(request, reply, query, list.total);
      return list.repositories.map(toRepositoryReply);
    },
  );

  app.get(
    '/projects/:project_name/repositories',
    {
      schema: {
        operationId: 'listRepositories',
        tags: ['repository'],
        params: schema.ProjectParams,
        querystring: ListQuery,
        response: { 200: Type.Array(schema.RepositoryReply) },
      },
      config: { access: 'repository:list', project: 'project_name' },
    },
    async (request, reply) => {
      const scope = { projectId: request.standing!.id };
      const list = await store.listRepositories(db, scope, toListOptions(request.query));
      setPageHeaders(request, reply, request.query, list.total);
      return list.repositories.map(toRepositoryReply);
    },
  );

  app.get(
    '/projects/:project_name/repositories/:repository_name',
    {
      schema: {
        operationId: 'getRepository',
        tags: ['repository'],
        params: schema.RepositoryParams,
        response: { 200: schema.RepositoryReply },
      },
      config: { access: 'repository:read', project: 'project_name' },
    },
    async (request) => {
      const key = repositoryOf(request);
      const repository = await store.findRepository(db, key);
      if (repository === undefined) throw notFound('repository', key.name);
      return toRepositoryReply(repository);
    },
  );

  app.put(
    '/projects/:project_name/repositories/:repository_name',
    {
      schema: {
        operationId: 'updateRepository',
        tags: ['repository'],
        params: schema.RepositoryParams,
        body: schema.RepositoryChange,
        response: { 200: NoBody },
      },
      config: { access: 'repository:update', project: 'project_name' },
    },
    async (request, reply) => {
      const key = repositoryOf(request);
      const { description } = request.body;
      await inTransaction(db, async (tx) => {
        const before = await store.updateDescription(tx, key, description);
        if (before === undefined) throw notFound('repository', key.name);
        await emit(tx, {
          type: 'repository.updated',
          projectId: key.projectId,
          subject: { repository: key.name },
          before: { description: before },
          after: { description },
          ...actorOf(request),
        });
      });
      return reply.send(undefined);
    },
  );

  app.delete(
    '/projects/:project_name/repositories/:repository_name',
    {
      schema: {
        operationId: 'deleteRepository',
        tags: ['repository'],
        params: schema.RepositoryParams,
        response: { 200: NoBody },
      },
      config: { access: 'repository:delete', project: 'project_name' },
    },
    async (request, reply) => {
      const key = repositoryOf(request);
      const isDeleted = await deleteRepository(db, key, actorOf(request));
      if (!isDeleted) throw notFound('repository', key.name);
      return reply.send(undefined);
    },
  );
};

function toRepositoryReply({ created_at, updated_at, ...repository }: store.RepositoryOverview) {
  return {
    ...repository,
    creation_time: timestamp(created_at),
    update_time: timestamp(updated_at),
  };
}
