import { timestamp } from '../../../platform/http/harbor-body.ts';
import { robotName } from './name.ts';
import type { Grant, Robot } from './store/robots.ts';

/** Seconds since 1970; -1: never. */
export const toUnixTime = (time: Date | null): number =>
  time === null ? -1 : Math.floor(time.getTime() / 1000);

/** A robot as Harbor's API shows it, and what is known of its secrets. */
export function toRobotReply(robot: Robot, prefix: string) {
  return {
    id: robot.id,
    name: robotName(robot, prefix),
    description: robot.description,
    level: robot.project_id === null ? ('system' as const) : ('project' as const),
    duration: robot.duration_days,
    editable: true,
    disable: robot.is_disabled,
    expires_at: toUnixTime(robot.expires_at),
    permissions: robot.grants.map(toPermission),
    creator_type: robot.creator_type,
    creator_ref: robot.creator_id,
    creation_time: timestamp(robot.created_at),
    update_time: timestamp(robot.updated_at),
    ...lastUse(robot.last_used_at),
    secrets: robot.secrets.map((secret) => ({
      id: secret.id,
      creation_time: timestamp(new Date(secret.created_at)),
      ...lastUse(secret.last_used_at === null ? null : new Date(secret.last_used_at)),
      expires_at: toUnixTime(secret.expires_at === null ? null : new Date(secret.expires_at)),
    })),
  };
}

const lastUse = (time: Date | null) => (time === null ? {} : { last_used_time: timestamp(time) });

function toPermission({ scope, project, allowed, denied }: Robot['grants'][number]) {
  return {
    ...(scope === 'system'
      ? { kind: 'system' as const, namespace: '/' }
      : { kind: 'project' as const, namespace: project ?? '*' }),
    access: [...allowed.map(toAccess('allow')), ...denied.map(toAccess('deny'))],
  };
}

const toAccess = (effect: 'allow' | 'deny') => (permission: string) => {
  const [resource, action] = permission.split(':') as [string, string];
  return { resource, action, effect };
};

/** What events tell of a robot, before and after it was changed. */
export function toHistory(
  robot: Pick<Robot, 'description' | 'is_disabled' | 'duration_days'>,
  grants: Grant[],
) {
  return {
    description: robot.description,
    disable: robot.is_disabled,
    duration: robot.duration_days,
    permissions: grants.map(({ scope, projectId, allowed, denied }) => ({
      scope,
      ...(projectId === null ? {} : { project_id: projectId }),
      allowed,
      ...(denied.length === 0 ? {} : { denied }),
    })),
  };
}
