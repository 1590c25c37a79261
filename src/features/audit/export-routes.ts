import { Readable } from 'node:stream';

import type { FastifyReply, FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';

import { parseConditions } from '../../lib/list-query.ts';
import { requireStorable } from '../../platform/db/batched-query.ts';
import { emit } from '../../platform/events/index.ts';
import type { Routes } from '../../platform/http/routes.ts';
import { actorOf, SIGNED_IN } from '../access/index.ts';
import { listReadableProjects } from './readable-projects.ts';
import * as schema from './schema.ts';
import { eachAuditBatch, type AuditRow, type AuditScope } from './store.ts';
import { toCsvLine } from './to-csv.ts';
import { toReply } from './to-reply.ts';

const ExportQuery = Type.Object({
  q: Type.Optional(Type.String({ maxLength: 8192 })),
  format: Type.Enum(['csv', 'jsonl'], { default: 'csv' }),
});

const TYPES = { csv: 'text/csv; charset=utf-8', jsonl: 'application/jsonl; charset=utf-8' };
const COLUMNS = [
  'id',
  'op_time',
  'username',
  'operation',
  'resource_type',
  'resource',
  'result',
  'address',
  'client',
  'before',
  'after',
];

/** All of the log that meets a filter, as one file. That it was asked for is in the log. */
export const auditExportRoutes: Routes = (app, { db }) => {
  app.get(
    '/auditlog-exts/export',
    {
      exposeHeadRoute: false,
      schema: { operationId: 'exportAuditLog', tags: ['auditlog'], querystring: ExportQuery },
      config: { access: SIGNED_IN },
    },
    async (request, reply) => {
      const scope = await listReadableProjects(db, request.caller);
      return send(request, reply, request.query, scope);
    },
  );

  app.get(
    '/projects/:project_name/auditlog-exts/export',
    {
      exposeHeadRoute: false,
      schema: {
        operationId: 'exportAuditLogOfProject',
        tags: ['project'],
        params: schema.ProjectParams,
        querystring: ExportQuery,
      },
      config: { access: 'log:list', project: 'project_name' },
    },
    async (request, reply) => send(request, reply, request.query, [request.standing!.id]),
  );

  async function send(
    request: FastifyRequest,
    reply: FastifyReply,
    { q, format }: Static<typeof ExportQuery>,
    scope: AuditScope,
  ) {
    const { standing } = request;
    requireStorable(q ?? '');
    const filter = { scope, conditions: parseConditions(q) };
    const batches = eachAuditBatch(db, filter);
    const first = await batches.next(); // what is wrong with the filter is said before the answer begins
    await emit(db, {
      type: 'audit_log.exported',
      projectId: standing?.id,
      subject: { ...(standing && { project: standing.name }), audit_log: 'audit_log' },
      after: { q: q ?? '', format },
      ...actorOf(request),
    });
    return reply
      .header('content-type', TYPES[format])
      .header('content-disposition', `attachment; filename="audit-log.${format}"`)
      .send(Readable.from(writeLines(format, first, batches), { objectMode: false }));
  }
};

async function* writeLines(
  format: keyof typeof TYPES,
  first: IteratorResult<AuditRow[], void>,
  rest: AsyncIterable<AuditRow[]>,
): AsyncGenerator<string> {
  if (format === 'csv') yield toCsvLine(COLUMNS);
  if (first.done === true) return;
  const toLine = format === 'csv' ? describeRow : describeAsJson;
  yield first.value.map(toLine).join('');
  for await (const rows of rest) yield rows.map(toLine).join('');
}

const describeAsJson = (row: AuditRow): string => `${JSON.stringify(toReply(row))}\n`;

function describeRow(row: AuditRow): string {
  const { id, op_time, username, operation, resource_type, resource } = toReply(row);
  const json = (value: unknown) => (value === null ? '' : JSON.stringify(value));
  return toCsvLine([
    id,
    op_time,
    username,
    operation,
    resource_type,
    resource,
    row.result ?? 'done',
    row.address,
    row.client,
    json(row.before),
    json(row.after),
  ]);
}
