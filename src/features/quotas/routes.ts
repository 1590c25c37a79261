import Type, { type Static } from 'typebox';

import { notFound, Refusal } from '../../lib/errors.ts';
import { parseSort } from '../../lib/list-query.ts';
import { NoBody, timestamp } from '../../platform/http/harbor-body.ts';
import { setPageHeaders, toLimits } from '../../platform/http/paging.ts';
import type { Routes } from '../../platform/http/routes.ts';
import { actorOf } from '../access/index.ts';
import * as schema from './schema.ts';
import * as store from './store.ts';

/** Harbor's `/quotas`. A quota has the id of its project. */
export const quotaRoutes: Routes = (app, { db }) => {
  app.get(
    '/quotas',
    {
      schema: {
        operationId: 'listQuotas',
        tags: ['quota'],
        querystring: schema.QuotaList,
        response: { 200: Type.Array(schema.QuotaReply) },
      },
      config: { access: 'quota:list' },
    },
    async (request, reply) => {
      const { query } = request;
      const { quotas, total } = await store.listQuotas(
        db,
        { projectId: toProjectId(query), sort: parseSort(query.sort) },
        toLimits(query),
      );
      setPageHeaders(request, reply, query, total);
      return quotas.map(toReply);
    },
  );

  app.get(
    '/quotas/:id',
    {
      schema: {
        operationId: 'getQuota',
        tags: ['quota'],
        params: schema.QuotaParams,
        response: { 200: schema.QuotaReply },
      },
      config: { access: 'quota:read' },
    },
    async ({ params }) => {
      const quota = await store.findQuota(db, params.id);
      if (quota === undefined) throw notFound('quota', params.id);
      return { ...toReply(quota), trash: { storage: quota.trash_bytes } };
    },
  );

  app.put(
    '/quotas/:id',
    {
      schema: {
        operationId: 'updateQuota',
        tags: ['quota'],
        params: schema.QuotaParams,
        body: schema.QuotaChange,
        response: { 200: NoBody },
      },
      config: { access: 'quota:update' },
    },
    async (request, reply) => {
      const { id } = request.params;
      await store.changeQuota(db, id, readHard(request.body), actorOf(request));
      return reply.send(undefined);
    },
  );
};

/** Undefined: all. Quotas are of projects only, so another reference has none: the id 0. */
function toProjectId({ reference, reference_id }: Static<typeof schema.QuotaList>) {
  if ((reference ?? 'project') !== 'project') return 0;
  if (reference_id === undefined) return undefined;
  return /^\d{1,15}$/.test(reference_id) ? Number(reference_id) : 0;
}

function readHard({ hard }: Static<typeof schema.QuotaChange>): number | null {
  const { storage, ...others } = hard ?? {};
  if (storage === undefined || Object.keys(others).length > 0) {
    throw new Refusal('BAD_REQUEST', 'bad request: hard must be {"storage": BYTES}');
  }
  return toHardBytes(storage);
}

/** A limit as clients send it: bytes, or -1 for none, which is null. */
export function toHardBytes(storage: number): number | null {
  if (storage === -1) return null;
  if (storage >= 1 && storage <= schema.MOST_BYTES) return storage;
  throw new Refusal(
    'BAD_REQUEST',
    `bad request: the storage limit must be -1, which is no limit, or 1 to ${schema.MOST_BYTES} bytes (1024 TiB)`,
  );
}

function toReply(quota: store.Quota) {
  const { project_id: id, project_name: name, owner_name } = quota;
  return {
    id,
    ref: { id, name, owner_name },
    hard: { storage: quota.hard_bytes ?? -1 },
    used: { storage: quota.used_bytes },
    creation_time: timestamp(quota.created_at),
    update_time: timestamp(quota.updated_at),
  };
}
