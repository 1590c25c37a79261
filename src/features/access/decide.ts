import { Refusal, notFound } from '../../lib/errors.ts';
import type { Db } from '../../platform/db/connect.ts';
import type { Lookups } from '../../platform/db/lookups.ts';
import { isSignedIn, type Caller, type RepositoryAction } from './caller.ts';
import { rightsAllow } from './robot-rights.ts';
import { PERMISSIONS, ROLE_IDS, roleAllows, type Role } from './roles.ts';
import {
  findStanding,
  listOtherProjectIds,
  listOwnRoles,
  listProjectIdsByRole,
  listRobotRights,
  type ProjectStanding,
} from './store.ts';

/** What a route declares when being signed in is enough, as a user or as a robot. */
export const SIGNED_IN = 'signed-in';

/** Whether a route may declare this permission. Checked at start, so that a misspelt one can't open a door. */
export function isPermission(permission: string, scope: 'project' | 'system'): boolean {
  return PERMISSIONS[scope].has(permission) || (scope === 'system' && permission === SIGNED_IN);
}

function requireSignedIn(caller: Caller): void {
  if (!isSignedIn(caller)) {
    throw new Refusal('UNAUTHORIZED', 'unauthorized: sign in first');
  }
}

/** Who is known asked for what they have no right to; the audit log is told of it. */
export class MissingRight extends Refusal {
  readonly permission: string;
  readonly project: { name: string } | { id: number } | undefined;

  constructor(
    message: string,
    {
      permission,
      project,
    }: Pick<MissingRight, 'permission'> & Partial<Pick<MissingRight, 'project'>>,
  ) {
    super('FORBIDDEN', message);
    this.permission = permission;
    this.project = project;
  }
}

/** Whether the caller may do this to the registry as a whole. */
export function hasSystemPermission({ user, robot }: Caller, permission: string): boolean {
  if (user?.isSysadmin === true) return PERMISSIONS.system.has(permission);
  return robot?.systemPermissions.includes(permission) === true;
}

/** Passes when the caller may do this to the registry as a whole. */
export function requireSystemAccess(caller: Caller, permission: string): void {
  requireSignedIn(caller);
  if (permission === SIGNED_IN || hasSystemPermission(caller, permission)) return;
  const who = caller.robot === undefined ? 'a system administrator' : 'a robot that has it';
  throw new MissingRight(`forbidden: ${permission} needs ${who}`, { permission });
}

/**
 * Passes with the project when the caller may do this in it. A project that is not there looks like one
 * the caller has no right in, except to an administrator.
 */
export async function requireProjectAccess(
  lookups: Lookups,
  caller: Caller,
  permission: string,
  key: { name: string } | { id: number },
): Promise<ProjectStanding> {
  const standing = await findStanding(lookups, key, caller);
  const isSysadmin = caller.user?.isSysadmin === true;
  if (standing === undefined && isSysadmin) {
    throw notFound('project', 'name' in key ? key.name : key.id);
  }
  if (standing !== undefined && hasPermission(caller, standing, permission)) return standing;
  requireSignedIn(caller);
  throw new MissingRight(
    `forbidden: you lack ${permission} in this project, or it does not exist`,
    { permission, project: key },
  );
}

/** Whether the caller may do this in the project. */
export function hasPermission(
  { user }: Caller,
  { roles, isPublic, permissions }: ProjectStanding,
  permission: string,
): boolean {
  if (user?.isSysadmin === true || permissions.includes(permission)) return true;
  return roleAllows(roles, isPublic, permission);
}

/**
 * The projects, in the trash or not, in which the caller has the permission as a member or as a robot. That a
 * project is public is not asked.
 */
export async function listAllowedProjectIds(
  db: Db,
  { user, robot }: Caller,
  permission: string,
): Promise<number[] | 'all'> {
  if (user?.isSysadmin === true) return 'all';
  if (robot !== undefined) return listProjectIdsOfRobot(db, robot.id, permission);
  if (user === undefined) return [];
  const roles = (Object.keys(ROLE_IDS) as Role[]).filter((role) =>
    roleAllows([role], false, permission),
  );
  return listProjectIdsByRole(db, user.id, roles);
}

async function listProjectIdsOfRobot(
  db: Db,
  id: number,
  permission: string,
): Promise<number[] | 'all'> {
  const rights = await listRobotRights(db, id);
  const isAllowedIn = (projectId: number) =>
    rightsAllow(rights, { scope: 'project', projectId }, permission);
  const named = rights.flatMap(({ projectId }) => projectId ?? []);
  if (!isAllowedIn(UNNAMED)) return named.filter(isAllowedIn);
  const refused = named.filter((projectId) => !isAllowedIn(projectId));
  return refused.length === 0 ? 'all' : listOtherProjectIds(db, refused);
}

/** The projects, in the trash or not, that the caller is shown: those in which they may do anything. */
export async function listOwnProjectIds(db: Db, caller: Caller): Promise<number[] | 'all'> {
  if (caller.robot === undefined) return listAllowedProjectIds(db, caller, 'project:read');
  if (hasSystemPermission(caller, 'project:list')) return 'all';
  const rights = await listRobotRights(db, caller.robot.id);
  if (rights.some(({ scope }) => scope === 'all-projects')) return 'all';
  return rights.flatMap(({ projectId }) => projectId ?? []);
}

/** The same, with the caller's roles by the ids of projects. */
export async function findOwnProjects(
  db: Db,
  caller: Caller,
): Promise<{ visibleIn: number[] | 'all'; roles: Map<number, Role[]> }> {
  const { user } = caller;
  const roles: Map<number, Role[]> =
    user === undefined ? new Map() : await listOwnRoles(db, user.id);
  // Every role reads its project.
  const isMember = user !== undefined && !user.isSysadmin;
  return { roles, visibleIn: isMember ? [...roles.keys()] : await listOwnProjectIds(db, caller) };
}

/** No project has this id: it stands for all that no right names. */
const UNNAMED = 0;

/** A repository as a request names it. The project's id comes from the caller's rights. */
export interface RepositoryKey {
  projectId: number;
  /** The whole name, project included. */
  name: string;
}

/**
 * Whether the caller may do this in the repository `name` of `project`. A bearer token allows what it
 * holds; everyone else what their roles allow. Undefined: no, or there is no such project.
 */
export async function findRepositoryScope(
  lookups: Lookups,
  caller: Caller,
  action: RepositoryAction,
  { name, project }: { name: string; project: string },
): Promise<RepositoryKey | undefined> {
  if (caller.grants !== undefined) {
    const grant = findGrant(caller, action, name);
    return grant && { projectId: grant.projectId, name };
  }
  const standing = await findStanding(lookups, { name: project }, caller);
  if (standing === undefined || !listActions(standing, caller).includes(action)) return undefined;
  return { projectId: standing.id, name };
}

function findGrant({ grants = [] }: Caller, action: RepositoryAction, name: string) {
  return grants.find((grant) => grant.repository === name && grant.actions.includes(action));
}

/** Whether a bearer token allows this in exactly this repository. */
export function holdsGrant(
  caller: Caller,
  action: RepositoryAction,
  scope: RepositoryKey,
): boolean {
  return findGrant(caller, action, scope.name)?.projectId === scope.projectId;
}

/** What was missing, as the Docker token specification describes it in an error's detail. */
export interface MissingAccess {
  Type: 'repository' | 'registry';
  Class: string;
  Name: string;
  Action: string;
}

/** These actions in the repository `name`, as the detail of a refusal and the challenge to it name them. */
export function describeAccess(name: string, actions: RepositoryAction[]): MissingAccess[] {
  return actions.map((Action) => ({ Type: 'repository', Class: '', Name: name, Action }));
}

/** What the caller may do in every repository of a project. */
export function listActions(standing: ProjectStanding, caller: Caller): RepositoryAction[] {
  const all: RepositoryAction[] = ['pull', 'push', 'delete'];
  return all.filter((action) => hasPermission(caller, standing, `repository:${action}`));
}
