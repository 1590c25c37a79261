import type { FastifyRequest } from 'fastify';
import Type from 'typebox';

import { Id, NoBody, Reply, timestamp } from '../../../platform/http/harbor-body.ts';
import type { Routes } from '../../../platform/http/routes.ts';
import { SIGNED_IN, userOf } from '../../access/index.ts';
import { findSettings } from '../../settings/index.ts';
import * as store from './store.ts';

const SessionParams = Type.Object({ session_id: Id });
const SessionReply = Reply({
  id: Type.Integer(),
  address: Type.String(),
  client: Type.String(),
  creation_time: Type.String({ format: 'date-time' }),
  update_time: Type.String({ format: 'date-time' }),
  current: Type.Boolean(),
});

/** Where one is signed in. Harbor has nothing like it. */
export const sessionRoutes: Routes = (app, { db, lookups }) => {
  app.get(
    '/users/current/sessions',
    {
      schema: {
        operationId: 'listSessions',
        tags: ['user'],
        response: { 200: Type.Array(SessionReply) },
      },
      config: { access: SIGNED_IN },
    },
    async (request) => {
      const { session_timeout: minutes } = await findSettings(lookups);
      const sessions = await store.listSessions(db, userOf(request.caller).id, { minutes });
      return sessions.map((session) => toReply(session, request));
    },
  );

  app.delete(
    '/users/current/sessions',
    {
      schema: { operationId: 'endOtherSessions', tags: ['user'], response: { 200: NoBody } },
      config: { access: SIGNED_IN, whileReadOnly: true },
    },
    async ({ caller, sessionId }, reply) => {
      await store.deleteSessions(db, userOf(caller).id, { exceptId: sessionId });
      return reply.send(undefined);
    },
  );

  app.delete(
    '/users/current/sessions/:session_id',
    {
      schema: {
        operationId: 'endSession',
        tags: ['user'],
        params: SessionParams,
        response: { 200: NoBody },
      },
      config: { access: SIGNED_IN, whileReadOnly: true },
    },
    async ({ caller, params }, reply) => {
      // One that is over already is not a fault, and of those of others nothing is told.
      await store.deleteSession(db, userOf(caller).id, params.session_id);
      return reply.send(undefined);
    },
  );
};

function toReply(session: store.Session, { sessionId }: FastifyRequest) {
  return {
    id: session.id,
    address: session.address,
    client: session.client,
    creation_time: timestamp(session.created_at),
    update_time: timestamp(session.used_at),
    current: session.id === sessionId,
  };
}
