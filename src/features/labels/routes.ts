import type { FastifyRequest } from 'fastify';
import Type from 'typebox';

import { notFound, Refusal } from '../../lib/errors.ts';
import { inTransaction } from '../../platform/db/transaction.ts';
import { emit, type EventType } from '../../platform/events/index.ts';
import { NoBody, timestamp } from '../../platform/http/harbor-body.ts';
import { locationOf } from '../../platform/http/location.ts';
import { setPageHeaders, toListOptions } from '../../platform/http/paging.ts';
import type { Routes } from '../../platform/http/routes.ts';
import {
  actorOf,
  requireProjectAccess,
  requireSystemAccess,
  SIGNED_IN,
  type Caller,
} from '../access/index.ts';
import * as schema from './schema.ts';
import * as store from './store.ts';

/** Harbor's `/labels`. */
export const labelRoutes: Routes = (app, { db, lookups }) => {
  app.get(
    '/labels',
    {
      schema: {
        operationId: 'ListLabels',
        tags: ['label'],
        querystring: schema.LabelList,
        response: { 200: Type.Array(schema.LabelReply) },
      },
      config: { open: true },
    },
    async (request, reply) => {
      const { query, caller } = request;
      const projectId = readScope(query);
      await requireLabelAccess(caller, projectId, 'list');
      const filter = { projectId, name: query.name };
      const { labels, total } = await store.listLabels(db, filter, toListOptions(query));
      setPageHeaders(request, reply, query, total);
      return labels.map(toLabelReply);
    },
  );

  app.post(
    '/labels',
    {
      schema: {
        operationId: 'CreateLabel',
        tags: ['label'],
        body: schema.LabelCreation,
        response: { 201: NoBody },
      },
      config: { access: SIGNED_IN },
    },
    async (request, reply) => {
      const { name, description, color } = request.body;
      const project_id = readScope(request.body);
      const project = await requireLabelAccess(request.caller, project_id, 'create');
      const id = await inTransaction(db, async (tx) => {
        const made = await store.insertLabel(tx, { project_id, name, description, color });
        await emit(tx, event(request, 'label.created', { name, project_id }, project));
        return made;
      });
      return reply.code(201).header('location', locationOf(request, id)).send(undefined);
    },
  );

  app.get(
    '/labels/:label_id',
    {
      schema: {
        operationId: 'GetLabelByID',
        tags: ['label'],
        params: schema.LabelParams,
        response: { 200: schema.LabelReply },
      },
      config: { open: true },
    },
    async ({ params, caller }) => toLabelReply(await getVisibleLabel(caller, params.label_id)),
  );

  app.put(
    '/labels/:label_id',
    {
      schema: {
        operationId: 'UpdateLabel',
        tags: ['label'],
        params: schema.LabelParams,
        body: schema.LabelChange,
        response: { 200: NoBody },
      },
      config: { access: SIGNED_IN },
    },
    async (request, reply) => {
      const label = await getVisibleLabel(request.caller, request.params.label_id);
      const project = await requireLabelAccess(request.caller, label.project_id, 'update');
      const { name, description, color } = request.body;
      await inTransaction(db, async (tx) => {
        const isThere = await store.updateLabel(tx, label.id, { name, description, color });
        if (!isThere) throw notFound('label', label.id);
        await emit(tx, {
          ...event(request, 'label.updated', label, project),
          before: pickText(label),
          after: { name, description, color },
        });
      });
      return reply.send(undefined);
    },
  );

  app.delete(
    '/labels/:label_id',
    {
      schema: {
        operationId: 'DeleteLabel',
        tags: ['label'],
        params: schema.LabelParams,
        response: { 200: NoBody },
      },
      config: { access: SIGNED_IN },
    },
    async (request, reply) => {
      const label = await getVisibleLabel(request.caller, request.params.label_id);
      const project = await requireLabelAccess(request.caller, label.project_id, 'delete');
      await inTransaction(db, async (tx) => {
        if (!(await store.deleteLabel(tx, label.id))) throw notFound('label', label.id);
        await emit(tx, {
          ...event(request, 'label.deleted', label, project),
          before: pickText(label),
        });
      });
      return reply.send(undefined);
    },
  );

  /** Passes, with the name of the project, when the caller may do this to labels of a project, or to those of all. */
  async function requireLabelAccess(
    caller: Caller,
    projectId: number | null,
    action: 'list' | 'read' | 'create' | 'update' | 'delete',
  ): Promise<string | undefined> {
    if (projectId !== null) {
      const standing = await requireProjectAccess(lookups, caller, `label:${action}`, {
        id: projectId,
      });
      return standing.name;
    }
    const isReading = action === 'list' || action === 'read';
    requireSystemAccess(caller, isReading ? SIGNED_IN : `label:${action}`);
    return undefined;
  }

  /** A label the caller may not read is as unknown as one that is not there. */
  async function getVisibleLabel(caller: Caller, id: number): Promise<store.Label> {
    const label = await store.findLabel(db, id);
    if (label !== undefined && (await mayRead(caller, label))) return label;
    requireSystemAccess(caller, SIGNED_IN);
    throw notFound('label', id);
  }

  async function mayRead(caller: Caller, { project_id }: store.Label): Promise<boolean> {
    try {
      await requireLabelAccess(caller, project_id, 'read');
      return true;
    } catch (error) {
      if (error instanceof Refusal) return false;
      throw error;
    }
  }
};

/** The project whose labels are meant; null for those of the whole registry. */
function readScope({
  scope,
  project_id,
}: {
  scope?: string | undefined;
  project_id?: number | undefined;
}): number | null {
  if (scope === 'g') return null;
  if (scope !== 'p') {
    throw new Refusal('BAD_REQUEST', 'bad request: scope must be g (of the registry) or p');
  }
  if (!project_id) {
    throw new Refusal('BAD_REQUEST', 'bad request: scope p needs the project_id of the project');
  }
  return project_id;
}

const pickText = ({ name, description, color }: schema.LabelText) => ({ name, description, color });

function event(
  request: FastifyRequest,
  type: Extract<EventType, `label.${string}`>,
  { name, project_id }: Pick<store.Label, 'name' | 'project_id'>,
  project: string | undefined,
) {
  return {
    type,
    projectId: project_id ?? undefined,
    subject: { label: name, ...(project === undefined ? {} : { project }) },
    ...actorOf(request),
  };
}

export function toLabelReply({ created_at, updated_at, project_id, ...label }: store.Label) {
  return {
    ...label,
    ...(project_id === null ? { scope: 'g' as const } : { scope: 'p' as const, project_id }),
    creation_time: timestamp(created_at),
    update_time: timestamp(updated_at),
  };
}
