import type { FastifyRequest } from 'fastify';
import Type from 'typebox';

import { notFound, Refusal } from '../../lib/errors.ts';
import { NoBody } from '../../platform/http/harbor-body.ts';
import type { Routes } from '../../platform/http/routes.ts';
import { actorOf, type ActingRequest } from '../access/index.ts';
import { changeProject, type ProjectChange } from './change-project.ts';
import { isMetadataKey, showMetadata } from './metadata.ts';
import { ProjectParams } from './schema.ts';
import { findProject } from './store/projects.ts';

const KeyParams = Type.Object({
  ...ProjectParams.properties,
  meta_name: Type.String({ minLength: 1 }),
});
/** One key with its value. */
const Pair = Type.Union([Type.Record(Type.String(), Type.String()), Type.Null()]);
const Pairs = Type.Record(Type.String(), Type.String());
const tags = ['projectMetadata'];
const project = 'project_name_or_id';

/** Harbor's `/projects/{p}/metadatas`: the metadata of a project, key by key. */
export const metadataRoutes: Routes = (app, { db }) => {
  app.get(
    '/projects/:project_name_or_id/metadatas',
    {
      schema: {
        operationId: 'listProjectMetadatas',
        tags,
        params: ProjectParams,
        response: { 200: Pairs },
      },
      config: { access: 'metadata:read', project },
    },
    findMetadata,
  );

  app.post(
    '/projects/:project_name_or_id/metadatas',
    {
      schema: {
        operationId: 'addProjectMetadatas',
        tags,
        params: ProjectParams,
        body: Pair,
        response: { 200: NoBody },
      },
      config: { access: 'metadata:create', project },
    },
    async (request, reply) => {
      const [pair, ...others] = Object.entries(request.body ?? {});
      if (pair === undefined || others.length > 0) {
        throw new Refusal('BAD_REQUEST', 'bad request: the body must have exactly one key');
      }
      const [key, value] = pair;
      await change(request, {
        metadata: setTo(key, value),
        require(stored) {
          if (stored[key] === undefined) return;
          throw new Refusal('CONFLICT', `conflict: ${key} is set already; change it with PUT`);
        },
      });
      return reply.send(undefined);
    },
  );

  app.get(
    '/projects/:project_name_or_id/metadatas/:meta_name',
    {
      schema: {
        operationId: 'getProjectMetadata',
        tags,
        params: KeyParams,
        response: { 200: Pairs },
      },
      config: { access: 'metadata:read', project },
    },
    async (request) => {
      const { meta_name: key } = request.params;
      const all = await findMetadata(request);
      if (!Object.hasOwn(all, key)) throw notFound('metadata', key);
      return { [key]: all[key]! };
    },
  );

  app.put(
    '/projects/:project_name_or_id/metadatas/:meta_name',
    {
      schema: {
        operationId: 'updateProjectMetadata',
        tags,
        params: KeyParams,
        body: Pair,
        response: { 200: NoBody },
      },
      config: { access: 'metadata:update', project },
    },
    async (request, reply) => {
      const { meta_name: key } = request.params;
      const value = request.body?.[key];
      if (value === undefined || Object.keys(request.body!).length > 1) {
        throw new Refusal('BAD_REQUEST', `bad request: the body must be {"${key}": "VALUE"}`);
      }
      await change(request, { metadata: setTo(key, value) });
      return reply.send(undefined);
    },
  );

  app.delete(
    '/projects/:project_name_or_id/metadatas/:meta_name',
    {
      schema: {
        operationId: 'deleteProjectMetadata',
        tags,
        params: KeyParams,
        response: { 200: NoBody },
      },
      config: { access: 'metadata:delete', project },
    },
    async (request, reply) => {
      const { meta_name: key } = request.params;
      if (!isMetadataKey(key)) throw notFound('metadata', key);
      requireOurs(key);
      // A project is public or not: what unsets that makes it private.
      await change(request, { metadata: key === 'public' ? { public: 'false' } : { [key]: null } });
      return reply.send(undefined);
    },
  );

  async function findMetadata({ standing }: Pick<FastifyRequest, 'standing'>) {
    const found = await findProject(db, standing!.id);
    if (found === undefined) throw notFound('project', standing!.name);
    return showMetadata(found);
  }

  async function change(
    request: ActingRequest & Pick<FastifyRequest, 'standing'>,
    what: Pick<ProjectChange, 'metadata' | 'require'>,
  ): Promise<void> {
    await changeProject(db, { project: request.standing!, ...what, ...actorOf(request) });
  }
};

function setTo(key: string, value: string): Record<string, string> {
  if (!isMetadataKey(key)) {
    throw new Refusal('BAD_REQUEST', `bad request: there is no metadata ${JSON.stringify(key)}`);
  }
  if (value === '') {
    throw new Refusal('BAD_REQUEST', `bad request: ${key} needs a value; DELETE unsets it`);
  }
  requireOurs(key);
  return { [key]: value };
}

function requireOurs(key: string): void {
  if (key !== 'retention_id') return;
  throw new Refusal(
    'BAD_REQUEST',
    'bad request: retention_id is set and unset with the retention policy of the project',
  );
}
