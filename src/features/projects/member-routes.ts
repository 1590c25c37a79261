import Type from 'typebox';

import { notFound, Refusal } from '../../lib/errors.ts';
import { NoBody } from '../../platform/http/harbor-body.ts';
import { locationOf } from '../../platform/http/location.ts';
import { setPageHeaders, toLimits } from '../../platform/http/paging.ts';
import type { Routes } from '../../platform/http/routes.ts';
import * as access from '../access/index.ts';
import { findUser, findUserByName } from '../accounts/index.ts';
import * as schema from './schema.ts';

export const memberRoutes: Routes = (app, { db }) => {
  app.get(
    '/projects/:project_name_or_id/members',
    {
      schema: {
        operationId: 'listProjectMembers',
        tags: ['member'],
        params: schema.ProjectParams,
        querystring: schema.MemberList,
        response: { 200: Type.Array(schema.MemberReply) },
      },
      config: { access: 'member:list', project: 'project_name_or_id' },
    },
    async (request, reply) => {
      const { members, total } = await access.listMembers(db, request.standing!.id, {
        name: request.query.entityname,
        ...toLimits(request.query),
      });
      setPageHeaders(request, reply, request.query, total);
      return members.map(toReply);
    },
  );

  app.post(
    '/projects/:project_name_or_id/members',
    {
      schema: {
        operationId: 'createProjectMember',
        tags: ['member'],
        params: schema.ProjectParams,
        body: schema.MemberCreation,
        response: { 201: NoBody },
      },
      config: { access: 'member:create', project: 'project_name_or_id' },
    },
    async (request, reply) => {
      const user_id = await findUserId(request.body.member_user);
      const id = await access.insertMember(db, {
        project_id: request.standing!.id,
        user_id,
        role: toRole(request.body.role_id),
      });
      return reply.code(201).header('location', locationOf(request, id)).send(undefined);
    },
  );

  app.get(
    '/projects/:project_name_or_id/members/:mid',
    {
      schema: {
        operationId: 'getProjectMember',
        tags: ['member'],
        params: schema.MemberParams,
        response: { 200: schema.MemberReply },
      },
      config: { access: 'member:read', project: 'project_name_or_id' },
    },
    async ({ standing, params }) => {
      const member = await access.findMember(db, standing!.id, params.mid);
      if (member === undefined) throw notFound('member', params.mid);
      return toReply(member);
    },
  );

  app.put(
    '/projects/:project_name_or_id/members/:mid',
    {
      schema: {
        operationId: 'updateProjectMember',
        tags: ['member'],
        params: schema.MemberParams,
        body: schema.MemberChange,
        response: { 200: NoBody },
      },
      config: { access: 'member:update', project: 'project_name_or_id' },
    },
    async ({ standing, params, body }, reply) => {
      const isThere = await access.updateMemberRole(
        db,
        standing!.id,
        params.mid,
        toRole(body.role_id),
      );
      if (!isThere) throw notFound('member', params.mid);
      return reply.send(undefined);
    },
  );

  app.delete(
    '/projects/:project_name_or_id/members/:mid',
    {
      schema: {
        operationId: 'deleteProjectMember',
        tags: ['member'],
        params: schema.MemberParams,
        response: { 200: NoBody },
      },
      config: { access: 'member:delete', project: 'project_name_or_id' },
    },
    async ({ standing, params }, reply) => {
      if (!(await access.deleteMember(db, standing!.id, params.mid))) {
        throw notFound('member', params.mid);
      }
      return reply.send(undefined);
    },
  );

  async function findUserId({ user_id, username }: { user_id?: number; username?: string }) {
    if (user_id === undefined && username === undefined) {
      throw new Refusal('BAD_REQUEST', 'bad request: member_user needs user_id or username');
    }
    const user =
      user_id === undefined ? await findUserByName(db, username!) : await findUser(db, user_id);
    if (user === undefined) throw notFound('user', user_id ?? username!);
    if (username !== undefined && username.toLowerCase() !== user.username.toLowerCase()) {
      throw new Refusal(
        'BAD_REQUEST',
        `bad request: member_user names two: the user ${user_id} is not ${username}`,
      );
    }
    return user.id;
  }
};

const toRole = (id: number) => access.findRole(id)!;

function toReply(member: access.Member) {
  return {
    id: member.id,
    project_id: member.project_id,
    entity_id: member.user_id,
    entity_name: member.username,
    entity_type: 'u',
    role_id: member.role_id,
    role_name: toRole(member.role_id),
  };
}
