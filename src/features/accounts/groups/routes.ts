import Type from 'typebox';

import { notFound, Refusal } from '../../../lib/errors.ts';
import type { Db } from '../../../platform/db/connect.ts';
import { inTransaction } from '../../../platform/db/transaction.ts';
import { emit } from '../../../platform/events/index.ts';
import { NoBody } from '../../../platform/http/harbor-body.ts';
import { locationOf } from '../../../platform/http/location.ts';
import { setPageHeaders, toLimits } from '../../../platform/http/paging.ts';
import type { Routes } from '../../../platform/http/routes.ts';
import { actorOf, removeMemberships, SIGNED_IN } from '../../access/index.ts';
import * as schema from './schema.ts';
import * as store from './store.ts';

/** Harbor's `/usergroups`. */
export const userGroupRoutes: Routes = (app, { db }) => {
  app.get(
    '/usergroups',
    {
      schema: {
        operationId: 'listUserGroups',
        tags: ['usergroup'],
        querystring: schema.UserGroupList,
        response: { 200: Type.Array(schema.UserGroupReply) },
      },
      config: { access: 'user-group:list' },
    },
    async (request, reply) => {
      const { group_name, ldap_group_dn } = request.query;
      const filter = { part: given(group_name), dn: given(ldap_group_dn) };
      const { groups, total } = await store.listUserGroups(db, filter, toLimits(request.query));
      setPageHeaders(request, reply, request.query, total);
      return groups.map(toReply);
    },
  );

  app.get(
    '/usergroups/search',
    {
      schema: {
        operationId: 'searchUserGroups',
        tags: ['usergroup'],
        querystring: schema.UserGroupSearch,
        response: { 200: Type.Array(schema.UserGroupNameReply) },
      },
      config: { access: SIGNED_IN },
    },
    async (request, reply) => {
      const filter = { part: request.query.groupname, isShortestFirst: true };
      const { groups, total } = await store.listUserGroups(db, filter, toLimits(request.query));
      setPageHeaders(request, reply, request.query, total);
      return groups;
    },
  );

  app.post(
    '/usergroups',
    {
      schema: {
        operationId: 'createUserGroup',
        tags: ['usergroup'],
        body: schema.UserGroupCreation,
        response: { 201: NoBody },
      },
      config: { access: 'user-group:create' },
    },
    async (request, reply) => {
      const { group_name, group_type, ldap_group_dn } = request.body;
      if ((group_type === schema.LDAP_GROUP) !== (ldap_group_dn.trim() !== '')) {
        throw new Refusal(
          'BAD_REQUEST',
          'bad request: a group of LDAP (group_type 1) has an ldap_group_dn, and no other has',
        );
      }
      const id = await inTransaction(db, async (tx) => {
        const groupId = await store.insertUserGroup(tx, { group_name, group_type, ldap_group_dn });
        const subject = { user_group: group_name };
        await emit(tx, { type: 'user_group.created', subject, ...actorOf(request) });
        return groupId;
      });
      return reply.code(201).header('location', locationOf(request, id)).send(undefined);
    },
  );

  app.get(
    '/usergroups/:group_id',
    {
      schema: {
        operationId: 'getUserGroup',
        tags: ['usergroup'],
        params: schema.UserGroupParams,
        response: { 200: schema.UserGroupReply },
      },
      config: { access: 'user-group:read' },
    },
    async ({ params }) => toReply(await getUserGroup(db, params.group_id)),
  );

  app.put(
    '/usergroups/:group_id',
    {
      schema: {
        operationId: 'updateUserGroup',
        tags: ['usergroup'],
        params: schema.UserGroupParams,
        body: schema.UserGroupChange,
        response: { 200: NoBody },
      },
      config: { access: 'user-group:update' },
    },
    async (request, reply) => {
      const { group_id } = request.params;
      const { group_name } = request.body;
      await inTransaction(db, async (tx) => {
        const before = await getUserGroup(tx, group_id);
        if (!(await store.renameUserGroup(tx, group_id, group_name))) {
          throw notFound('user group', group_id);
        }
        await emit(tx, {
          type: 'user_group.updated',
          subject: { user_group: before.group_name },
          after: { group_name },
          ...actorOf(request),
        });
      });
      return reply.send(undefined);
    },
  );

  app.delete(
    '/usergroups/:group_id',
    {
      schema: {
        operationId: 'deleteUserGroup',
        tags: ['usergroup'],
        params: schema.UserGroupParams,
        response: { 200: NoBody },
      },
      config: { access: 'user-group:delete' },
    },
    async (request, reply) => {
      const { group_id } = request.params;
      await inTransaction(db, async (tx) => {
        const { group_name } = await getUserGroup(tx, group_id);
        await removeMemberships(tx, { group_id, user_group: group_name }, actorOf(request));
        if (!(await store.deleteUserGroup(tx, group_id))) throw notFound('user group', group_id);
        const subject = { user_group: group_name };
        await emit(tx, { type: 'user_group.deleted', subject, ...actorOf(request) });
      });
      return reply.send(undefined);
    },
  );
};

async function getUserGroup(db: Db, id: number): Promise<store.UserGroup> {
  const group = await store.findUserGroup(db, id);
  if (group === undefined) throw notFound('user group', id);
  return group;
}

/** An empty parameter is none. */
const given = (text: string | undefined) => (text === '' ? undefined : text);

/** Only groups of LDAP have a DN; what is empty is left out. */
function toReply({ ldap_group_dn, ...group }: store.UserGroup) {
  return ldap_group_dn === '' ? group : { ...group, ldap_group_dn };
}
