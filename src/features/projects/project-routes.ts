import Type from 'typebox';

import { notFound } from '../../lib/errors.ts';
import { NoBody } from '../../platform/http/harbor-body.ts';
import { locationOf } from '../../platform/http/location.ts';
import { setPageHeaders, toListOptions } from '../../platform/http/paging.ts';
import type { Routes } from '../../platform/http/routes.ts';
import { actorOf, findOwnProjects, SIGNED_IN } from '../access/index.ts';
import { changeProject } from './change-project.ts';
import { createProject } from './create-project.ts';
import { showProject } from './reply.ts';
import * as schema from './schema.ts';
import * as store from './store/projects.ts';
import { deleteProject } from './store/trash.ts';

export const projectRoutes: Routes = (app, { db, lookups }) => {
  app.get(
    '/projects',
    {
      exposeHeadRoute: false, // HEAD has a meaning of its own
      schema: {
        operationId: 'listProjects',
        tags: ['project'],
        querystring: schema.ProjectList,
        response: { 200: Type.Array(schema.ProjectReply) },
      },
      config: { open: true },
    },
    async (request, reply) => {
      const { query } = request;
      const { roles, visibleIn } = await findOwnProjects(db, request.caller);
      const filter = {
        name: query.name,
        isPublic: query.public,
        owner: query.owner,
        visible: visibleIn,
      };
      const { projects, total } = await store.listProjects(db, filter, toListOptions(query));
      setPageHeaders(request, reply, query, total);
      const shown = projects.map((project) => showProject(project, roles.get(project.id) ?? []));
      if (query.with_detail) return shown;
      return shown.map(({ metadata: _, ...project }) => project);
    },
  );

  app.head(
    '/projects',
    {
      schema: { operationId: 'headProject', tags: ['project'], querystring: schema.ProjectHead },
      config: { access: SIGNED_IN, swagger: { exposeHeadRoute: true } },
    },
    async ({ query }, reply) => {
      if (!(await store.projectExists(db, query.project_name))) {
        throw notFound('project', query.project_name);
      }
      return reply.send();
    },
  );

  app.post(
    '/projects',
    {
      schema: {
        operationId: 'createProject',
        tags: ['project'],
        headers: schema.CreationHeaders,
        body: schema.ProjectCreation,
        response: { 201: NoBody },
      },
      config: { access: SIGNED_IN },
    },
    async (request, reply) => {
      const { project_name } = request.body;
      const who = actorOf(request);
      const id = await createProject({ db, lookups }, request.caller, request.body, who);
      const wantsName = String(request.headers['x-resource-name-in-location']) === 'true';
      const location = locationOf(request, wantsName ? project_name : id);
      return reply.code(201).header('location', location).send(undefined);
    },
  );

  app.get(
    '/projects/:project_name_or_id',
    {
      schema: {
        operationId: 'getProject',
        tags: ['project'],
        params: schema.ProjectParams,
        response: { 200: schema.ProjectReply },
      },
      config: { access: 'project:read', project: 'project_name_or_id' },
    },
    async ({ standing }) => {
      const project = await store.findProject(db, standing!.id);
      if (project === undefined) throw notFound('project', standing!.name);
      return showProject(project, standing!.roles);
    },
  );

  app.put(
    '/projects/:project_name_or_id',
    {
      schema: {
        operationId: 'updateProject',
        tags: ['project'],
        params: schema.ProjectParams,
        body: schema.ProjectChange,
        response: { 200: NoBody },
      },
      config: { access: 'project:update', project: 'project_name_or_id' },
    },
    async (request, reply) => {
      const { metadata, cve_allowlist } = request.body;
      await changeProject(db, {
        project: request.standing!,
        metadata,
        cve_allowlist,
        ...actorOf(request),
      });
      return reply.send(undefined);
    },
  );

  app.delete(
    '/projects/:project_name_or_id',
    {
      schema: {
        operationId: 'deleteProject',
        tags: ['project'],
        params: schema.ProjectParams,
        querystring: schema.ProjectDeletion,
        response: { 200: NoBody },
      },
      config: { access: 'project:delete', project: 'project_name_or_id' },
    },
    async (request, reply) => {
      const { id, name } = request.standing!;
      await deleteProject(db, {
        id,
        name,
        withRepositories: request.query.with_repositories,
        ...actorOf(request),
      });
      return reply.send(undefined);
    },
  );
};
