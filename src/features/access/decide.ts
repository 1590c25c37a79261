import { Refusal, notFound } from '../../lib/errors.ts';
import type { Db } from '../../platform/db/connect.ts';
import type { Lookups } from '../../platform/db/lookups.ts';
import type { Caller, RepositoryAction } from './caller.ts';
import { PERMISSIONS, ROLE_IDS, roleAllows, type Role } from './roles.ts';
import { findStanding, listProjectIdsByRole, type ProjectStanding } from './store.ts';

/** What a route declares when being signed in is enough. */
export const SIGNED_IN = 'signed-in';

/** Whether a route may declare this permission. Checked at start, so that a misspelt one can't open a door. */
export function isPermission(permission: string, scope: 'project' | 'system'): boolean {
  return PERMISSIONS[scope].has(permission) || (scope === 'system' && permission === SIGNED_IN);
}

function requireSignedIn(caller: Caller): void {
  if (caller.user === undefined) {
    throw new Refusal('UNAUTHORIZED', 'unauthorized: sign in first');
  }
}

/** Whether the caller may do this to the registry as a whole. */
export function hasSystemPermission({ user }: Caller, permission: string): boolean {
  return user?.isSysadmin === true && PERMISSIONS.system.has(permission);
}

/** Passes when the caller may do this to the registry as a whole. */
export function requireSystemAccess(caller: Caller, permission: string): void {
  requireSignedIn(caller);
  if (permission === SIGNED_IN || hasSystemPermission(caller, permission)) return;
  throw new Refusal('FORBIDDEN', `forbidden: ${permission} needs a system administrator`);
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
  const standing = await findStanding(lookups, key, caller.user?.id);
  const isSysadmin = caller.user?.isSysadmin === true;
  if (standing === undefined && isSysadmin) {
    throw notFound('project', 'name' in key ? key.name : key.id);
  }
  if (standing !== undefined && hasPermission(caller, standing, permission)) return standing;
  requireSignedIn(caller);
  throw new Refusal(
    'FORBIDDEN',
    `forbidden: you lack ${permission} in this project, or it does not exist`,
  );
}

/** Whether the caller may do this in the project. */
export function hasPermission(
  { user }: Caller,
  { roles, isPublic }: ProjectStanding,
  permission: string,
): boolean {
  return user?.isSysadmin === true || roleAllows(roles, isPublic, permission);
}

/** The projects, in the trash or not, in which the caller's role has the permission. */
export async function listAllowedProjectIds(
  db: Db,
  caller: Caller,
  permission: string,
): Promise<number[] | 'all'> {
  requireSignedIn(caller);
  const { id, isSysadmin } = caller.user!;
  if (isSysadmin) return 'all';
  const roles = (Object.keys(ROLE_IDS) as Role[]).filter((role) =>
    roleAllows([role], false, permission),
  );
  return listProjectIdsByRole(db, id, roles);
}

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
  const standing = await findStanding(lookups, { name: project }, caller.user?.id);
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
