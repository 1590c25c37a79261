import type { FastifyRequest } from 'fastify';
import Type from 'typebox';

import { notFound, Refusal } from '../../../lib/errors.ts';
import { clock } from '../../../lib/clock.ts';
import { inTransaction } from '../../../platform/db/transaction.ts';
import { NoBody, timestamp } from '../../../platform/http/harbor-body.ts';
import { locationOf } from '../../../platform/http/location.ts';
import { ListQuery, setPageHeaders, toListOptions } from '../../../platform/http/paging.ts';
import type { Routes } from '../../../platform/http/routes.ts';
import { waitingClient } from '../../../platform/http/waiting-client.ts';
import {
  MissingRight,
  findStanding,
  hasPermission,
  hasSystemPermission,
  requireProjectAccess,
  requireSystemAccess,
  SIGNED_IN,
  type Caller,
} from '../../access/index.ts';
import { findSettings } from '../../settings/index.ts';
import { readLevel } from './level.ts';
import { parseRobotName, robotName } from './name.ts';
import { isSame, readPermissions, type Level } from './permissions.ts';
import { findGrants, requireOwn } from './grants.ts';
import { eventOf, tell } from './events.ts';
import { toHistory, toRobotReply, toUnixTime } from './reply.ts';
import * as schema from './schema.ts';
import { chooseSecret, generateSecret } from './secret.ts';
import * as store from './store/robots.ts';

/** Harbor's `/robots`. Their permission is asked where the robot is: in its project, or in the system. */
export const robotRoutes: Routes = (app, { db, lookups }) => {
  app.get(
    '/robots',
    {
      schema: {
        operationId: 'ListRobot',
        tags: ['robot'],
        querystring: ListQuery,
        response: { 200: Type.Array(schema.RobotReply) },
      },
      config: { access: SIGNED_IN },
    },
    async (request, reply) => {
      const { query, caller } = request;
      const options = toListOptions(query);
      const projectId = readLevel(options.conditions);
      if (projectId === null) requireSystemAccess(caller, 'robot:list');
      else await requireProjectAccess(lookups, caller, 'robot:list', { id: projectId });
      const { robots, total } = await store.listRobots(db, projectId, options);
      setPageHeaders(request, reply, query, total);
      const prefix = await findPrefix();
      return robots.map((robot) => toRobotReply(robot, prefix));
    },
  );

  app.post(
    '/robots',
    {
      schema: {
        operationId: 'CreateRobot',
        tags: ['robot'],
        body: schema.RobotCreation,
        response: { 201: schema.RobotCreated },
      },
      config: { access: SIGNED_IN },
    },
    async (request, reply) => {
      const { body, caller } = request;
      const wanted = readPermissions(body.level, body.permissions);
      const project = await requireCreation(caller, body.level, wanted[0]!.namespace);
      const grants = await findGrants(db, caller, wanted);
      const settings = await findSettings(lookups);
      const { secret, hash } = await makeSecret(request, body.secret);
      const robot = {
        project_id: project?.id ?? null,
        name: body.name,
        description: body.description,
        is_disabled: body.disable,
        duration_days: requireDuration(body.duration ?? defaultDays(settings)),
        ...creatorOf(caller),
      };
      const names = { project: project?.name ?? null, name: body.name };
      const name = robotName(names, settings.robot_name_prefix);
      const made = await inTransaction(db, async (tx) => {
        await requireOwn(tx, caller, body.level, grants);
        const row = await store.insertRobot(tx, robot, grants, hash);
        const after = toHistory(robot, grants);
        await tell(tx, request, { type: 'robot.created', name, projectId: project?.id, after });
        return row;
      });
      return reply
        .code(201)
        .header('location', locationOf(request, made.id))
        .send({
          id: made.id,
          name,
          secret,
          creation_time: timestamp(made.created_at),
          expires_at: toUnixTime(made.expires_at),
        });
    },
  );

  app.get(
    '/robots/:robot_id',
    {
      schema: {
        operationId: 'GetRobotByID',
        tags: ['robot'],
        params: schema.RobotParams,
        response: { 200: schema.RobotReply },
      },
      config: { access: SIGNED_IN },
    },
    async ({ caller, params }) =>
      toRobotReply(await getRobot(caller, params.robot_id, 'read'), await findPrefix()),
  );

  app.put(
    '/robots/:robot_id',
    {
      schema: {
        operationId: 'UpdateRobot',
        tags: ['robot'],
        params: schema.RobotParams,
        body: schema.RobotChange,
        response: { 200: NoBody },
      },
      config: { access: SIGNED_IN },
    },
    async (request, reply) => {
      const { body, caller } = request;
      const before = await getRobot(caller, request.params.robot_id, 'update');
      const prefix = await findPrefix();
      requireSameRobot(before, body, prefix);
      const wanted = readPermissions(body.level, body.permissions);
      if (before.project !== null && wanted[0]!.namespace !== before.project) {
        throw new Refusal('BAD_REQUEST', 'bad request: a robot stays in its project');
      }
      const grants = await findGrants(db, caller, wanted);
      const robot = {
        description: body.description,
        is_disabled: body.disable,
        duration_days: requireDuration(body.duration ?? before.duration_days),
      };
      await inTransaction(db, async (tx) => {
        const isThere = await store.updateRobot(tx, before.id, robot, {
          grants,
          haveChanged: !isSame(grants, before.grants),
        });
        if (!isThere) throw notFound('robot', before.id);
        await tell(tx, request, {
          ...eventOf(before, prefix),
          type: 'robot.updated',
          before: toHistory(before, before.grants),
          after: toHistory(robot, grants),
        });
      });
      return reply.send(undefined);
    },
  );

  app.patch(
    '/robots/:robot_id',
    {
      schema: {
        operationId: 'RefreshSec',
        tags: ['robot'],
        params: schema.RobotParams,
        body: schema.SecretChange,
        response: { 200: schema.SecretChanged },
      },
      config: { access: SIGNED_IN },
    },
    async (request) => {
      const { secret: chosen, keep_old_until } = request.body;
      const keepOldUntil =
        keep_old_until === undefined ? undefined : new Date(keep_old_until * 1000);
      if (keepOldUntil !== undefined && keepOldUntil <= clock.now()) {
        throw new Refusal('BAD_REQUEST', 'bad request: keep_old_until is over already');
      }
      const robot = await getRobot(request.caller, request.params.robot_id, 'update');
      const { secret, hash } = await makeSecret(request, chosen);
      await inTransaction(db, async (tx) => {
        const isThere = await store.replaceSecret(tx, robot.id, hash, keepOldUntil);
        if (!isThere) throw notFound('robot', robot.id);
        const after = { secret_changed: true, ...(keep_old_until && { keep_old_until }) };
        await tell(tx, request, {
          ...eventOf(robot, await findPrefix()),
          type: 'robot.updated',
          after,
        });
      });
      return { secret: chosen ? '' : secret };
    },
  );

  app.delete(
    '/robots/:robot_id',
    {
      schema: {
        operationId: 'DeleteRobot',
        tags: ['robot'],
        params: schema.RobotParams,
        response: { 200: NoBody },
      },
      config: { access: SIGNED_IN },
    },
    async (request, reply) => {
      const robot = await getRobot(request.caller, request.params.robot_id, 'delete');
      await inTransaction(db, async (tx) => {
        if (!(await store.deleteRobot(tx, robot.id))) throw notFound('robot', robot.id);
        const before = toHistory(robot, robot.grants);
        await tell(tx, request, {
          ...eventOf(robot, await findPrefix()),
          type: 'robot.deleted',
          before,
        });
      });
      return reply.send(undefined);
    },
  );

  /** The robot, if the caller may do this to it. One that they may not read is as unknown as one that is not there. */
  async function getRobot(caller: Caller, id: number, action: Action): Promise<store.Robot> {
    const robot = await store.findRobot(db, id);
    if (robot === undefined) throw notFound('robot', id);
    if (await mayDo(caller, robot, action)) return robot;
    if (!(await mayDo(caller, robot, 'read'))) throw notFound('robot', id);
    throw new MissingRight(`forbidden: you lack robot:${action} for this robot`, {
      permission: `robot:${action}`,
      project: robot.project_id === null ? undefined : { id: robot.project_id },
    });
  }

  async function mayDo(caller: Caller, robot: store.Robot, action: Action): Promise<boolean> {
    if (robot.project_id === null) return hasSystemPermission(caller, `robot:${action}`);
    const standing = await findStanding(lookups, { id: robot.project_id }, caller);
    return standing !== undefined && hasPermission(caller, standing, `robot:${action}`);
  }

  const findPrefix = async () => (await findSettings(lookups)).robot_name_prefix;

  /** Passes, with the project in which the robot is to be; undefined: the whole registry's. */
  async function requireCreation(caller: Caller, level: Level, namespace: string) {
    if (level === 'project') {
      return requireProjectAccess(lookups, caller, 'robot:create', { name: namespace });
    }
    requireSystemAccess(caller, 'robot:create');
    return undefined;
  }
};

type Action = 'read' | 'update' | 'delete';

async function makeSecret(request: FastifyRequest, chosen: string | undefined) {
  return chosen ? chooseSecret(chosen, waitingClient(request)) : generateSecret();
}

/** The setting may be longer than a robot can live. */
const defaultDays = ({ robot_token_duration }: { robot_token_duration: number }): number =>
  Math.min(robot_token_duration, schema.LONGEST_DAYS);

function requireDuration(days: number): number {
  if (days !== 0) return days;
  throw new Refusal('BAD_REQUEST', 'bad request: duration is a number of days, or -1 for ever');
}

function creatorOf({ user, robot }: Caller) {
  return robot === undefined
    ? ({ creator_type: 'local', creator_id: user!.id } as const)
    : ({ creator_type: 'robot', creator_id: robot.id } as const);
}

/** A robot keeps its level and name; clients send back what they have read. */
function requireSameRobot(
  robot: store.Robot,
  { level, name }: { level: Level; name?: string },
  prefix: string,
): void {
  const hasProject = robot.project_id !== null;
  const given = name === undefined ? robot : parseRobotName(name, prefix);
  const isSameOne =
    hasProject === (level === 'project') &&
    given?.name === robot.name &&
    given.project === robot.project;
  if (isSameOne) return;
  throw new Refusal('BAD_REQUEST', 'bad request: the level and name of a robot can not be changed');
}
