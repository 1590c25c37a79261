import { Refusal } from '../../../lib/errors.ts';
import { rightsAllow, ROBOT_PERMISSIONS, type RobotRight } from '../../access/index.ts';
import type { Permission } from './schema.ts';
import type { Grant } from './store/robots.ts';

export type Level = 'system' | 'project';

/** Permissions in one place; a project is named. */
export interface WantedGrant {
  kind: Level;
  /** A project's name; `*` is all projects, `/` the system. */
  namespace: string;
  allowed: string[];
  denied: string[];
}

/** Each is looked at in every request of the robot; who wants more takes `*`. */
const MOST_GRANTS = 1000;

/** What a request wants a robot to have, one for each place. Else 400. */
export function readPermissions(level: Level, permissions: Permission[]): WantedGrant[] {
  if (permissions.length === 0 || permissions.length > MOST_GRANTS) {
    throw malformed(`permissions has 1 to ${MOST_GRANTS} entries`);
  }
  if (level === 'project' && permissions.length > 1) {
    throw malformed('a robot of a project has one entry in permissions: that of its project');
  }
  const byPlace = Map.groupBy(permissions, ({ kind, namespace }) => `${kind} ${namespace}`);
  return [...byPlace.values()].map((same) => {
    const { kind, namespace } = same[0]!;
    requirePlace(level, kind, namespace);
    const access = same.flatMap((permission) => permission.access);
    if (access.length === 0) throw malformed('access must not be empty');
    const pick = (isWanted: (effect: string) => boolean) =>
      access.filter(({ effect }) => isWanted(effect)).map((one) => readPermission(kind, one));
    return {
      kind,
      namespace,
      allowed: unique(pick((effect) => effect !== 'deny')),
      denied: unique(pick((effect) => effect === 'deny')),
    };
  });
}

function requirePlace(level: Level, kind: Level, namespace: string): void {
  if (kind === 'system' && level === 'project') {
    throw malformed('a robot of a project has permissions of the kind project');
  }
  if (kind === 'system' && namespace !== '/') {
    throw malformed('the namespace of the kind system is /');
  }
  if (level === 'project' && namespace === '*') {
    throw malformed('a robot of a project has the name of its project as namespace, not *');
  }
}

function readPermission(kind: Level, { resource, action }: { resource: string; action: string }) {
  const permission = `${resource}:${action}`;
  if (ROBOT_PERMISSIONS[kind].has(permission)) return permission;
  throw malformed(
    `${JSON.stringify(permission)} is no permission of the kind ${kind}; GET /permissions lists them`,
  );
}

const unique = (values: string[]): string[] => [...new Set(values)].toSorted();

const malformed = (what: string) => new Refusal('BAD_REQUEST', `bad request: ${what}`);

/** Passes when a robot with these rights may give them to another. */
export function requireWithin(level: Level, wanted: Grant[], rights: RobotRight[]): void {
  for (const grant of wanted) {
    for (const permission of implied(level, grant.allowed)) {
      if (rightsAllow(rights, grant, permission)) continue;
      throw lacking(permission);
    }
  }
}

export const lacking = (permission = 'anything'): Refusal =>
  new Refusal(
    'DENIED',
    `forbidden: you can't give another robot ${permission}, since you don't have it there yourself`,
  );

/** What a robot of a project has with these: see the view `robot_right`. */
const implied = (level: Level, allowed: string[]): string[] =>
  level === 'project' && allowed.includes('repository:push')
    ? [...allowed, 'repository:pull']
    : allowed;

/** Whether both give the same rights. */
export const isSame = (one: Grant[], other: Grant[]): boolean => describe(one) === describe(other);

const describe = (grants: Grant[]): string =>
  grants
    .map(({ scope, projectId, allowed, denied }) =>
      JSON.stringify([scope, projectId, allowed, denied]),
    )
    .toSorted()
    .join();
