import Type from 'typebox';

import { notFound, Refusal } from '../../lib/errors.ts';
import { NoBody, timestamp } from '../../platform/http/harbor-body.ts';
import { locationOf } from '../../platform/http/location.ts';
import { setPageHeaders, toListOptions } from '../../platform/http/paging.ts';
import { inTransaction } from '../../platform/db/transaction.ts';
import { emit } from '../../platform/events/index.ts';
import type { Routes } from '../../platform/http/routes.ts';
import {
  actorOf,
  insertMember,
  ROLE_IDS,
  SIGNED_IN,
  strongestRole,
  type Caller,
  type Role,
} from '../access/index.ts';
import { findSettings } from '../settings/index.ts';
import * as schema from './schema.ts';
import * as store from './store.ts';

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
      const { query, caller } = request;
      const filter = {
        name: query.name,
        isPublic: query.public,
        visibleTo: caller.user?.isSysadmin === true ? undefined : (caller.user?.id ?? null),
      };
      const { projects, total } = await store.listProjects(db, filter, toListOptions(query));
      setPageHeaders(request, reply, query, total);
      return projects.map((project) => toReply(project, []));
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
        body: schema.ProjectCreation,
        response: { 201: NoBody },
      },
      config: { access: SIGNED_IN },
    },
    async (request, reply) => {
      await requireMayCreate(request.caller);
      const { project_name, metadata, public: isPublic } = request.body;
      const owner_id = request.caller.user!.id;
      const id = await inTransaction(db, async (tx) => {
        const project_id = await store.insertProject(tx, {
          name: project_name,
          owner_id,
          is_public: isPublic === true,
          ...toColumns(metadata),
        });
        await insertMember(tx, { project_id, user_id: owner_id, role: 'projectAdmin' });
        await emit(tx, {
          type: 'project.created',
          projectId: project_id,
          subject: { project: project_name },
          ...actorOf(request),
        });
        return project_id;
      });
      const wantsName = request.headers['x-resource-name-in-location'] === 'true';
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
      return toReply(project, standing!.roles);
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
      const { id, name } = request.standing!;
      const change = toColumns(request.body.metadata);
      if (Object.keys(change).length > 0) {
        await inTransaction(db, async (tx) => {
          await store.updateProject(tx, id, change);
          await emit(tx, {
            type: 'project.updated',
            projectId: id,
            subject: { project: name },
            after: change,
            ...actorOf(request),
          });
        });
      }
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
      await store.deleteProject(db, {
        id,
        name,
        withRepositories: request.query.with_repositories,
        ...actorOf(request),
      });
      return reply.send(undefined);
    },
  );

  async function requireMayCreate({ user }: Caller): Promise<void> {
    const { project_creation_restriction } = await findSettings(lookups);
    if (project_creation_restriction === 'everyone' || user!.isSysadmin) return;
    throw new Refusal(
      'FORBIDDEN',
      'forbidden: only system administrators may create projects (project_creation_restriction)',
    );
  }
};

/** What the metadata says of the project's columns; what it leaves out stays as it is. */
function toColumns({ public: isPublic, trash_days }: schema.Metadata = {}) {
  return {
    ...(isPublic === undefined ? {} : { is_public: isPublic === 'true' }),
    ...(trash_days === undefined
      ? {}
      : { trash_days: trash_days === 'default' ? null : Number(trash_days) }),
  };
}

function toReply(project: store.Project, roles: Role[]) {
  const strongest = strongestRole(roles);
  return {
    project_id: project.id,
    owner_id: project.owner_id,
    name: project.name,
    owner_name: project.owner_name,
    creation_time: timestamp(project.created_at),
    update_time: timestamp(project.updated_at),
    ...(strongest === undefined ? {} : { current_user_role_id: ROLE_IDS[strongest] }),
    current_user_role_ids: roles.length === 0 ? null : roles.map((role) => ROLE_IDS[role]),
    repo_count: project.repo_count,
    metadata: {
      public: String(project.is_public),
      ...(project.trash_days === null ? {} : { trash_days: String(project.trash_days) }),
    },
  };
}
