import { notFound, Refusal } from '../../lib/errors.ts';
import { inTransaction } from '../../platform/db/transaction.ts';
import { NoBody } from '../../platform/http/harbor-body.ts';
import type { Routes } from '../../platform/http/routes.ts';
import { requireSystemAccess, SIGNED_IN } from '../access/index.ts';
import { findSettings } from '../settings/index.ts';
import * as schema from './schema.ts';
import * as store from './store.ts';
import { tell } from './tell.ts';

/** What users say of themselves, and Harbor's secret for those who come by OpenID Connect. */
export const profileRoutes: Routes = (app, { db, lookups }) => {
  app.put(
    '/users/:user_id',
    {
      schema: {
        operationId: 'updateUserProfile',
        tags: ['user'],
        params: schema.UserParams,
        body: schema.UserProfile,
        response: { 200: NoBody },
      },
      config: { access: SIGNED_IN },
    },
    async (request, reply) => {
      const { user_id } = request.params;
      if (request.caller.user?.id !== user_id) requireSystemAccess(request.caller, 'user:update');
      await inTransaction(db, async (tx) => {
        const before = await store.findUser(tx, user_id);
        if (before === undefined || !(await store.updateProfile(tx, user_id, request.body))) {
          throw notFound('user', user_id);
        }
        const names = ['email', 'realname', 'comment'] as const;
        const changed = names.filter((name) => before[name] !== request.body[name]);
        await tell(tx, request, 'user.updated', before.username, { changed });
      });
      return reply.send(undefined);
    },
  );

  app.put(
    '/users/:user_id/cli_secret',
    {
      schema: {
        operationId: 'setCliSecret',
        tags: ['user'],
        params: schema.UserParams,
        body: schema.CliSecret,
        response: { 200: NoBody },
      },
      config: { access: SIGNED_IN },
    },
    async () => {
      const { auth_mode } = await findSettings(lookups);
      throw new Refusal(
        'PRECONDITION',
        `precondition failed: there is no CLI secret where users sign in with a password (auth_mode ${auth_mode})`,
      );
    },
  );
};
