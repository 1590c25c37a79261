import Type from 'typebox';

import { Reply, timestamp } from '../../platform/http/harbor-body.ts';
import { PageQuery, setPageHeaders, toLimits } from '../../platform/http/paging.ts';
import type { Routes } from '../../platform/http/routes.ts';
import { ROLE_IDS, roleAllows, SIGNED_IN, type Role } from '../access/index.ts';
import { describeOperation, describeResource } from './describe.ts';
import { listAuditRows, type AuditRow } from './store.ts';

const ProjectParams = Type.Object({ project_name: Type.String() });
const AuditReply = Reply({
  id: Type.Integer(),
  username: Type.String(),
  resource: Type.String(),
  resource_type: Type.String(),
  operation: Type.String(),
  operation_description: Type.String(),
  operation_result: Type.Boolean(),
  op_time: Type.String({ format: 'date-time' }),
});

/** Roles that may read a project's log. */
const READERS = (Object.keys(ROLE_IDS) as Role[])
  .filter((role) => roleAllows([role], false, 'log:list'))
  .map((role) => ROLE_IDS[role]);

/** Harbor's `/auditlog-exts` and `/projects/{p}/auditlog-exts`: the feed of events, newest first. */
export const auditRoutes: Routes = (app, { db }) => {
  app.get(
    '/auditlog-exts',
    {
      schema: {
        operationId: 'listAuditLogExts',
        tags: ['auditlog'],
        querystring: PageQuery,
        response: { 200: Type.Array(AuditReply) },
      },
      config: { access: SIGNED_IN },
    },
    async (request, reply) => {
      const { id, isSysadmin } = request.caller.user!;
      const scope = isSysadmin ? 'all' : { readerId: id, roleIds: READERS };
      const { rows, total } = await listAuditRows(db, scope, toLimits(request.query));
      setPageHeaders(request, reply, request.query, total);
      return rows.map(toReply);
    },
  );

  app.get(
    '/projects/:project_name/auditlog-exts',
    {
      schema: {
        operationId: 'getLogExts',
        tags: ['project'],
        params: ProjectParams,
        querystring: PageQuery,
        response: { 200: Type.Array(AuditReply) },
      },
      config: { access: 'log:list', project: 'project_name' },
    },
    async (request, reply) => {
      const scope = { projectId: request.standing!.id };
      const { rows, total } = await listAuditRows(db, scope, toLimits(request.query));
      setPageHeaders(request, reply, request.query, total);
      return rows.map(toReply);
    },
  );
};

function toReply(row: AuditRow) {
  const operation = describeOperation(row);
  const resource = describeResource(row);
  return {
    id: row.seq,
    username: row.actor,
    resource,
    ...operation,
    operation_description: `${operation.operation} ${operation.resource_type}: ${resource}`,
    operation_result: true,
    op_time: timestamp(row.occurred_at),
  };
}
