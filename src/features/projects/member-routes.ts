import type { FastifyRequest } from 'fastify';
import Type from 'typebox';

import { notFound } from '../../lib/errors.ts';
import { NoBody } from '../../platform/http/harbor-body.ts';
import { locationOf } from '../../platform/http/location.ts';
import { setPageHeaders, toLimits } from '../../platform/http/paging.ts';
import type { Db } from '../../platform/db/connect.ts';
import { inTransaction } from '../../platform/db/transaction.ts';
import { emit } from '../../platform/events/index.ts';
import type { Routes } from '../../platform/http/routes.ts';
import * as access from '../access/index.ts';
import { actorOf, type ActingRequest } from '../access/index.ts';
import { findSettings } from '../settings/index.ts';
import { getEntity } from './get-entity.ts';
import * as schema from './schema.ts';

export const memberRoutes: Routes = (app, { db, lookups }) => {
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
      const { id: projectId, name } = request.standing!;
      const { role_id } = request.body;
      const settings = await findSettings(lookups);
      const id = await inTransaction(db, async (tx) => {
        const { key, subject } = await getEntity(tx, request, settings);
        const member = { project_id: projectId, role: toRole(role_id), ...key };
        const memberId = await access.insertMember(tx, member);
        await emit(tx, {
          type: 'project.member_added',
          projectId,
          subject: { project: name, ...subject },
          after: { role_id },
          ...actorOf(request),
        });
        return memberId;
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
    async (request, reply) => {
      const { mid } = request.params;
      const after = { role_id: request.body.role_id };
      const change = { mid, type: 'project.member_changed', after } as const;
      await changeMember(request, change, (tx, { project_id, id }) =>
        access.updateMemberRole(tx, project_id, id, toRole(after.role_id)),
      );
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
    async (request, reply) => {
      const change = { mid: request.params.mid, type: 'project.member_removed' } as const;
      await changeMember(request, change, (tx, { project_id, id }) =>
        access.deleteMember(tx, project_id, id),
      );
      return reply.send(undefined);
    },
  );

  /** Does `work` to the member in the path, and writes it down. */
  async function changeMember(
    request: ActingRequest & Pick<FastifyRequest, 'standing'>,
    { mid, type, after }: MemberChange,
    work: (tx: Db, member: access.Member) => Promise<boolean>,
  ): Promise<void> {
    const { standing } = request;
    await inTransaction(db, async (tx) => {
      const member = await access.findMember(tx, standing!.id, mid);
      if (member === undefined || !(await work(tx, member))) throw notFound('member', mid);
      await emit(tx, {
        type,
        projectId: standing!.id,
        subject: { project: standing!.name, ...subjectOf(member) },
        before: { role_id: member.role_id },
        after,
        ...actorOf(request),
      });
    });
  }
};

interface MemberChange {
  mid: number;
  type: 'project.member_changed' | 'project.member_removed';
  after?: { role_id: number };
}

const toRole = (id: number) => access.findRole(id)!;

const subjectOf = ({ entity_type, entity_name }: access.Member) =>
  entity_type === 'u' ? { user: entity_name } : { user_group: entity_name };

function toReply(member: access.Member) {
  return { ...member, role_name: toRole(member.role_id) };
}
