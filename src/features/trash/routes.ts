import Type from 'typebox';

import { notFound } from '../../lib/errors.ts';
import { NoBody, timestamp } from '../../platform/http/harbor-body.ts';
import { setPageHeaders, toLimits } from '../../platform/http/paging.ts';
import type { Routes } from '../../platform/http/routes.ts';
import { actorOf, listAllowedProjectIds, SIGNED_IN } from '../access/index.ts';
import { restore } from './restore.ts';
import * as schema from './schema.ts';
import * as store from './store.ts';

/** `/trash`, which Harbor has not. A deletion in a project the caller has no right in looks like none. */
export const trashRoutes: Routes = (app, { db, config }) => {
  app.get(
    '/trash',
    {
      schema: {
        operationId: 'listTrash',
        tags: ['trash'],
        querystring: schema.TrashList,
        response: { 200: Type.Array(schema.DeletionReply) },
      },
      config: { access: SIGNED_IN },
    },
    async (request, reply) => {
      const { query, caller } = request;
      const { deletions, total } = await store.listDeletions(
        db,
        {
          scope: await listAllowedProjectIds(db, caller, 'trash:list'),
          projectId: query.project_id,
          kind: query.kind,
          name: query.name,
          days: config.trash.days,
        },
        toLimits(query),
      );
      setPageHeaders(request, reply, query, total);
      return deletions.map(toReply);
    },
  );

  app.post(
    '/trash/:deletion_id/restore',
    {
      schema: {
        operationId: 'restoreFromTrash',
        tags: ['trash'],
        params: schema.DeletionParams,
        body: Type.Union([schema.Restoration, Type.Null()]),
        response: { 200: NoBody },
      },
      config: { access: SIGNED_IN },
    },
    async (request, reply) => {
      const { params, body, caller } = request;
      const scope = await listAllowedProjectIds(db, caller, 'trash:restore');
      await store.requireWritableProject(db, params.deletion_id, scope);
      await restore(db, params.deletion_id, scope, {
        newName: body?.new_name,
        withoutUsedTags: body?.without_used_tags === true,
        ...actorOf(request),
      });
      return reply.send(undefined);
    },
  );

  app.delete(
    '/trash/:deletion_id',
    {
      schema: {
        operationId: 'purgeFromTrash',
        tags: ['trash'],
        params: schema.DeletionParams,
        response: { 202: NoBody },
      },
      config: { access: SIGNED_IN },
    },
    async (request, reply) => {
      const { deletion_id } = request.params;
      const scope = await listAllowedProjectIds(db, request.caller, 'trash:delete');
      await store.requireWritableProject(db, deletion_id, scope);
      const isGivenUp = await store.giveUpDeletion(db, deletion_id, scope, actorOf(request));
      if (!isGivenUp) throw notFound('deletion', deletion_id);
      return reply.code(202).send(undefined);
    },
  );
};

function toReply(row: store.ListedDeletion) {
  const { kind, reference, repository_name, actor, client } = row;
  return {
    id: row.id,
    kind,
    name: row.name,
    project_id: row.project_id,
    project_name: row.project_name,
    ...(repository_name === null ? {} : { repository_name }),
    ...(kind === 'tag' ? { tag: reference } : {}),
    ...(kind === 'artifact' ? { digest: reference } : {}),
    ...(actor === null ? {} : { deleted_by: actor }),
    ...(client === null ? {} : { client }),
    deletion_time: timestamp(row.deleted_at),
    purge_time: timestamp(row.purge_at),
    freed_bytes: row.freed_bytes,
  };
}
