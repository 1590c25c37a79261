import type { FastifyRequest } from 'fastify';
import Type from 'typebox';

import { Refusal } from '../../../lib/errors.ts';
import { inTransaction } from '../../../platform/db/transaction.ts';
import { acceptForms } from '../../../platform/http/forms.ts';
import { NoBody } from '../../../platform/http/harbor-body.ts';
import type { Routes } from '../../../platform/http/routes.ts';
import { waitingClient } from '../../../platform/http/waiting-client.ts';
import type { SignedInUser } from '../../access/index.ts';
import { findSettings } from '../../settings/index.ts';
import { onRefusal, recordSignIn } from '../record-sign-in.ts';
import { signIn } from '../sign-in.ts';
import { userExists } from '../store.ts';
import { tell } from '../tell.ts';
import { beginSession, clearSessionCookie, endSession } from './session.ts';

const Text = Type.String({ maxLength: 1024, default: '' });
const SignInForm = Type.Object({ principal: Text, password: Text });
const ExistsForm = Type.Object({
  target: Type.Enum(['username', 'email']),
  value: Type.String({ maxLength: 1024 }),
});

/** How the portal, and other clients of Harbor that keep cookies, sign in and out. */
export const signInRoutes: Routes = (app, platform) => {
  const { db, lookups } = platform;
  acceptForms(app);

  app.post(
    '/c/login',
    {
      schema: {
        operationId: 'signIn',
        tags: ['session'],
        body: SignInForm,
        response: { 200: NoBody, 401: NoBody },
      },
      config: { open: true, whileReadOnly: true },
    },
    async (request, reply) => {
      const user = await trySignIn(request, request.body);
      if (user === undefined) return reply.code(401).send(undefined);
      await inTransaction(db, async (tx) => {
        await beginSession(platform, tx, { request, reply, user });
        const { address, headers } = request;
        await tell(tx, { caller: { user }, address, headers }, 'user.signed_in', user.username);
      });
      return reply.send(undefined);
    },
  );

  app.get(
    '/c/log_out',
    {
      schema: { operationId: 'signOut', tags: ['session'], response: { 200: NoBody } },
      config: { open: true },
    },
    async (request, reply) => {
      const { user } = request.caller;
      if (user !== undefined && request.sessionId !== undefined) {
        await inTransaction(db, async (tx) => {
          await endSession(tx, request);
          await tell(tx, request, 'user.signed_out', user.username);
        });
      }
      clearSessionCookie(platform, request, reply);
      return reply.send(undefined);
    },
  );

  app.post(
    '/c/userExists',
    {
      schema: {
        operationId: 'userExists',
        tags: ['session'],
        body: ExistsForm,
        response: { 200: Type.Boolean() },
      },
      config: { open: true, whileReadOnly: true },
    },
    async ({ caller, body }) => {
      const { self_registration } = await findSettings(lookups);
      if (!self_registration && caller.user?.isSysadmin !== true) {
        throw new Refusal(
          'PRECONDITION',
          'precondition failed: self-registration is off, so only system administrators may ask who is there',
        );
      }
      return userExists(db, body);
    },
  );

  /** Undefined: the name or the password is wrong, or a robot's. */
  async function trySignIn(
    request: FastifyRequest,
    { principal: username, password }: Type.Static<typeof SignInForm>,
  ): Promise<SignedInUser | undefined> {
    if (username === '' || password === '') return undefined;
    const client = waitingClient(request);
    try {
      const { user } = await onRefusal(signIn(platform, { username, password, client }), (code) =>
        recordSignIn(platform, username, client, code),
      );
      return user; // no page is for robots
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'UNAUTHORIZED') throw error;
      return undefined;
    }
  }
};
