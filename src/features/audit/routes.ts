import type { FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';

import { OPERATIONS } from '../../platform/events/index.ts';
import { ListQuery, setPageHeaders, toListOptions } from '../../platform/http/paging.ts';
import type { Routes } from '../../platform/http/routes.ts';
import { SIGNED_IN } from '../access/index.ts';
import { listReadableProjects } from './readable-projects.ts';
import * as schema from './schema.ts';
import { listAudit, type AuditRow, type AuditScope } from './store.ts';
import { toLegacyReply, toReply } from './to-reply.ts';

/** `create_artifact` and so on, as Harbor names them. */
const EVENT_TYPES = [
  ...new Set(Object.values(OPERATIONS).map((name) => name.replace(' ', '_'))),
].toSorted();

/** Harbor's audit log, `/auditlog-exts`, and the one it had before, `/audit-logs`: the feed of events. */
export const auditRoutes: Routes = (app, { db }) => {
  app.get(
    '/auditlog-exts',
    {
      schema: {
        operationId: 'listAuditLogExts',
        tags: ['auditlog'],
        querystring: ListQuery,
        response: { 200: Type.Array(schema.AuditReply) },
      },
      config: { access: SIGNED_IN },
    },
    async (request, reply) => {
      const rows = await list(request, reply, request.query, {
        scope: await listReadableProjects(db, request.caller),
      });
      return rows.map(toReply);
    },
  );

  app.get(
    '/projects/:project_name/auditlog-exts',
    {
      schema: {
        operationId: 'getLogExts',
        tags: ['project'],
        params: schema.ProjectParams,
        querystring: ListQuery,
        response: { 200: Type.Array(schema.AuditReply) },
      },
      config: { access: 'log:list', project: 'project_name' },
    },
    async (request, reply) => {
      const rows = await list(request, reply, request.query, { scope: [request.standing!.id] });
      return rows.map(toReply);
    },
  );

  app.get(
    '/audit-logs',
    {
      schema: {
        operationId: 'listAuditLogs',
        tags: ['auditlog'],
        querystring: ListQuery,
        response: { 200: Type.Array(schema.LegacyReply) },
      },
      config: { access: SIGNED_IN },
    },
    async (request, reply) => {
      const scope = await listReadableProjects(db, request.caller);
      return (await list(request, reply, request.query, { scope, isLegacy: true })).map(
        toLegacyReply,
      );
    },
  );

  app.get(
    '/projects/:project_name/logs',
    {
      schema: {
        operationId: 'getLogs',
        tags: ['project'],
        params: schema.ProjectParams,
        querystring: ListQuery,
        response: { 200: Type.Array(schema.LegacyReply) },
      },
      config: { access: 'log:list', project: 'project_name' },
    },
    async (request, reply) => {
      const scope = [request.standing!.id];
      return (await list(request, reply, request.query, { scope, isLegacy: true })).map(
        toLegacyReply,
      );
    },
  );

  app.get(
    '/auditlog-exts/events',
    {
      schema: {
        operationId: 'listAuditLogEventTypes',
        tags: ['auditlog'],
        response: { 200: Type.Array(schema.EventTypeReply) },
      },
      config: { access: 'audit-log:list' },
    },
    () => EVENT_TYPES.map((event_type) => ({ event_type })),
  );

  async function list(
    request: FastifyRequest,
    reply: FastifyReply,
    query: Static<typeof ListQuery>,
    which: { scope: AuditScope; isLegacy?: boolean },
  ): Promise<AuditRow[]> {
    const { conditions, ...page } = toListOptions(query);
    const filter = { ...which, conditions };
    const { rows, total } = await listAudit(db, filter, page);
    setPageHeaders(request, reply, query, total);
    return rows;
  }
};
