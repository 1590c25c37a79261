import Type from 'typebox';

import { notFound, Refusal } from '../../lib/errors.ts';
import { inTransaction } from '../../platform/db/transaction.ts';
import { NoBody, timestamp } from '../../platform/http/harbor-body.ts';
import { locationOf } from '../../platform/http/location.ts';
import { setPageHeaders, toLimits, toListOptions } from '../../platform/http/paging.ts';
import type { Routes } from '../../platform/http/routes.ts';
import { waitingClient, type WaitingClient } from '../../platform/http/waiting-client.ts';
import {
  actorOf,
  removeMemberships,
  requireSystemAccess,
  SIGNED_IN,
  userOf,
  type SignedInUser,
} from '../access/index.ts';
import { findSettings } from '../settings/index.ts';
import { hashPassword, inTurn, requireStrongPassword, verifyPassword } from './password.ts';
import { onRefusal, recordSignIn } from './record-sign-in.ts';
import { registerOnRecord, requireMayRegister } from './registration.ts';
import * as schema from './schema.ts';
import { deleteSessions } from './sessions/store.ts';
import { requirePassword } from './sign-in.ts';
import * as store from './store.ts';
import { tell } from './tell.ts';
import { requireDistinctName } from './user-name.ts';

export const userRoutes: Routes = (app, platform) => {
  const { db, lookups } = platform;

  app.get(
    '/users',
    {
      schema: {
        operationId: 'listUsers',
        tags: ['user'],
        querystring: schema.UserList,
        response: { 200: Type.Array(schema.UserReply) },
      },
      config: { access: 'user:list' },
    },
    async (request, reply) => {
      const { username, email } = request.query;
      const options = toListOptions(request.query);
      const { users, total } = await store.listUsers(db, { username, email }, options);
      setPageHeaders(request, reply, request.query, total);
      return users.map(toReply);
    },
  );

  app.get(
    '/users/search',
    {
      schema: {
        operationId: 'searchUsers',
        tags: ['user'],
        querystring: schema.UserSearch,
        response: { 200: Type.Array(schema.UserNameReply) },
      },
      config: { access: SIGNED_IN },
    },
    async (request, reply) => {
      const { username } = request.query;
      const options = { conditions: [], sort: [], ...toLimits(request.query) };
      const { users, total } = await store.listUsers(
        db,
        { username, withAdmin: true, isShortestFirst: true },
        options,
      );
      setPageHeaders(request, reply, request.query, total);
      return users.map(({ id, username }) => ({ user_id: id, username }));
    },
  );

  app.post(
    '/users',
    {
      schema: {
        operationId: 'createUser',
        tags: ['user'],
        body: schema.UserCreation,
        response: { 201: NoBody },
      },
      config: { open: true },
    },
    async (request, reply) => {
      const { password, ...user } = request.body;
      const id = await registerOnRecord(platform, request, user.username, async () => {
        await requireMayRegister(platform, request);
        const { robot_name_prefix } = await findSettings(lookups);
        requireDistinctName(user.username, robot_name_prefix);
        requireStrongPassword(password);
        const password_hash = await inTurn(waitingClient(request), () => hashPassword(password));
        return inTransaction(db, async (tx) => {
          const userId = await store.insertUser(tx, { ...user, password_hash });
          await tell(tx, request, 'user.created', user.username);
          return userId;
        });
      });
      return reply.code(201).header('location', locationOf(request, id)).send(undefined);
    },
  );

  app.get(
    '/users/current',
    {
      schema: {
        operationId: 'getCurrentUserInfo',
        tags: ['user'],
        response: { 200: schema.UserReply },
      },
      config: { access: SIGNED_IN },
    },
    async (request) => toReply(await getUser(userOf(request.caller).id)),
  );

  app.get(
    '/users/:user_id',
    {
      schema: {
        operationId: 'getUser',
        tags: ['user'],
        params: schema.UserParams,
        response: { 200: schema.UserReply },
      },
      config: { access: SIGNED_IN },
    },
    async (request) => {
      const { caller, params } = request;
      if (caller.user?.id !== params.user_id) requireSystemAccess(caller, 'user:read');
      return toReply(await getUser(request.params.user_id));
    },
  );

  app.put(
    '/users/:user_id/password',
    {
      schema: {
        operationId: 'updateUserPassword',
        tags: ['user'],
        params: schema.UserParams,
        body: schema.PasswordChange,
        response: { 200: NoBody },
      },
      config: { access: SIGNED_IN },
    },
    async (request, reply) => {
      const caller = userOf(request.caller);
      const { old_password, new_password } = request.body;
      const isOwn = caller.id === request.params.user_id;
      if (!isOwn) requireSystemAccess(request.caller, 'user:update');
      requireStrongPassword(new_password);
      const credential = await getCredential(request.params.user_id);
      const { id, username, password_hash } = credential;
      const client = waitingClient(request);
      if (isOwn) await requireOldPassword(credential, old_password ?? '', client);
      const hash = await inTurn(client, async () => {
        await requireOtherPassword(new_password, password_hash);
        return hashPassword(new_password);
      });
      await inTransaction(db, async (tx) => {
        await store.updatePassword(tx, id, hash);
        await deleteSessions(tx, id, caller.id === id ? { exceptId: request.sessionId } : {});
        await tell(tx, request, 'user.password_changed', username);
      });
      return reply.send(undefined);
    },
  );

  app.put(
    '/users/:user_id/sysadmin',
    {
      schema: {
        operationId: 'setUserSysAdmin',
        tags: ['user'],
        params: schema.UserParams,
        body: schema.SysadminChange,
        response: { 200: NoBody },
      },
      config: { access: 'user:update' },
    },
    async (request, reply) => {
      const { user_id } = request.params;
      requireOther(request.caller.user, user_id, 'changed by this');
      const { sysadmin_flag } = request.body;
      const { username, is_sysadmin } = await getUser(user_id);
      if (sysadmin_flag === is_sysadmin) return reply.send(undefined); // Terraform asks with each change
      userOf(request.caller); // a robot makes no administrators
      await inTransaction(db, async (tx) => {
        if (!(await store.updateSysadmin(tx, user_id, sysadmin_flag))) {
          throw notFound('user', user_id);
        }
        if (!sysadmin_flag) await deleteSessions(tx, user_id);
        await tell(tx, request, 'user.updated', username, { sysadmin_flag });
      });
      return reply.send(undefined);
    },
  );

  app.delete(
    '/users/:user_id',
    {
      schema: {
        operationId: 'deleteUser',
        tags: ['user'],
        params: schema.UserParams,
        response: { 200: NoBody },
      },
      config: { access: 'user:delete' },
    },
    async (request, reply) => {
      const { user_id } = request.params;
      requireOther(request.caller.user, user_id, 'deleted');
      const { username } = await getUser(user_id);
      await inTransaction(db, async (tx) => {
        if (!(await store.deleteUser(tx, user_id))) throw notFound('user', user_id);
        await removeMemberships(tx, { user_id, user: username }, actorOf(request));
        await deleteSessions(tx, user_id);
        await tell(tx, request, 'user.deleted', username);
      });
      return reply.send(undefined);
    },
  );

  async function getUser(id: number): Promise<store.User> {
    const user = await store.findUser(db, id);
    if (user === undefined) throw notFound('user', id);
    return user;
  }

  /** Whoever guesses it, at an unlocked screen for instance, is held up and told of as where one signs in. */
  async function requireOldPassword(
    credential: store.Credential,
    password: string,
    client: WaitingClient,
  ): Promise<void> {
    try {
      await onRefusal(requirePassword(platform, credential, { password, client }), (code) =>
        recordSignIn(platform, credential.username, client, code),
      );
    } catch (cause) {
      if (!(cause instanceof Refusal) || cause.code !== 'UNAUTHORIZED') throw cause;
      throw new Refusal('FORBIDDEN', 'forbidden: the old password is wrong', { cause });
    }
  }

  async function getCredential(id: number) {
    const credential = await store.findCredential(lookups, { id });
    if (credential === undefined) throw notFound('user', id);
    return credential;
  }
};

async function requireOtherPassword(password: string, hash: string | null) {
  if (!(await verifyPassword(password, hash ?? undefined))) return;
  throw new Refusal('BAD_REQUEST', 'bad request: the new password is the same as the old one');
}

function requireOther(caller: SignedInUser | undefined, id: number, what: string): void {
  if (id !== caller?.id && id !== store.BUILT_IN_ADMIN) return;
  throw new Refusal(
    'FORBIDDEN',
    `forbidden: the built-in administrator and oneself can not be ${what}`,
  );
}

function toReply(user: store.User) {
  return {
    user_id: user.id,
    username: user.username,
    email: user.email ?? '',
    realname: user.realname,
    comment: user.comment,
    sysadmin_flag: user.is_sysadmin,
    admin_role_in_auth: false,
    creation_time: timestamp(user.created_at),
    update_time: timestamp(user.updated_at),
  };
}
