import type { FastifyRequest, RouteOptions } from 'fastify';

import {
  describeAccess,
  findRepositoryScope,
  isPermission,
  isSignedIn,
  MissingRight,
  requireChangeable,
  recordRefusal,
  requireProjectAccess,
  requireSystemAccess,
  type MissingAccess,
  type RepositoryAction,
} from '../features/access/index.ts';
import { Refusal } from '../lib/errors.ts';
import { findRepositoryName, parseRepositoryName } from '../oci/reference.ts';
import type { Lookups } from '../platform/db/lookups.ts';
import type { ProjectParameter } from '../platform/http/routes.ts';
import type { Platform } from '../platform/index.ts';

/** What `/v2` routes declare beside `repository:…`: any credential, and a token for the catalog. */
const REGISTRY_ACCESS = new Set(['registry', 'catalog']);
const REPOSITORY_ACTIONS = new Set(['repository:pull', 'repository:push', 'repository:delete']);

/** Stops the start when a route says nothing about who may call it, or says something nobody understands. */
export function requireDeclaredAccess({ method, url, config }: RouteOptions): void {
  const { access, open, project, repository } = config ?? {};
  const isDeclared =
    open === true
      ? access === undefined
      : access !== undefined &&
        (REGISTRY_ACCESS.has(access) ||
          (repository !== undefined && REPOSITORY_ACTIONS.has(access)) ||
          isPermission(access, project === undefined ? 'system' : 'project'));
  const isProjectThere = project === undefined || url.split('/').includes(`:${project}`);
  if (!isDeclared || !isProjectThere) {
    throw new Error(
      `the route ${String(method)} ${url} must declare config.access or config.open, and a project by its path's parameter`,
    );
  }
}

/** Asks the permission that the route declares. Who is known and has not got it is written down, here or with the reply. */
export async function authorize(
  platform: Pick<Platform, 'lookups' | 'recorder'>,
  request: FastifyRequest,
): Promise<void> {
  try {
    await askAccess(platform.lookups, request);
  } catch (error) {
    const { access, project, repository } = request.routeOptions.config;
    const isRight =
      error instanceof Refusal &&
      !(error instanceof MissingRight) &&
      (error.status === 401 || error.status === 403);
    // A token that lacks it is on its way to a better one, and what that does not get is written down there.
    if (isRight && request.caller.grants === undefined) {
      const named = repository && findRepositoryName(repository(request));
      await recordRefusal(platform, request, {
        access: access!,
        code: error.code,
        project: named ? { name: named.project } : project && projectKey(request, project),
        repository: named?.name,
      });
    }
    throw error;
  }
}

async function askAccess(lookups: Lookups, request: FastifyRequest): Promise<void> {
  const { access, open, project, repository } = request.routeOptions.config;
  if (open === true || access === undefined) return;
  if (repository !== undefined) {
    await authorizeRepository(lookups, request, access, repository(request));
  } else if (REGISTRY_ACCESS.has(access)) {
    authorizeRegistry(request, access);
  } else if (project !== undefined) {
    const key = projectKey(request, project);
    request.standing = await requireProjectAccess(lookups, request.caller, access, key);
  } else {
    requireSystemAccess(request.caller, access);
  }
  const projectId = request.standing?.id ?? request.scope?.projectId;
  if (projectId !== undefined) await requireChangeable(lookups, projectId, access);
}

async function authorizeRepository(
  lookups: Lookups,
  request: FastifyRequest,
  access: string,
  text: string,
): Promise<void> {
  const name = parseRepositoryName(text);
  const action = access.split(':')[1] as RepositoryAction;
  const { caller } = request;
  // Clients send their credentials only when challenged, so nobody is served unasked: who pulls is known.
  const isAsked = isSignedIn(caller) || caller.grants !== undefined;
  const scope = isAsked ? await findRepositoryScope(lookups, caller, action, name) : undefined;
  if (scope !== undefined) {
    request.scope = scope;
    return;
  }
  const who = isSignedIn(caller) ? 'your credentials do not allow it' : 'authentication required';
  throw new Refusal('UNAUTHORIZED', `${action} on the repository ${text}: ${who}`, {
    detail: wantedAccess(request),
  });
}

/** What the route of `/v2` wants, as a challenge names it: whoever pushes also asks what is there. */
export function wantedAccess(request: FastifyRequest): MissingAccess[] {
  const { access, repository } = request.routeOptions.config;
  if (access === 'catalog') return [{ Type: 'registry', Class: '', Name: 'catalog', Action: '*' }];
  const name = repository === undefined ? undefined : findRepositoryName(repository(request));
  if (name === undefined || access === undefined) return [];
  const action = access.split(':')[1] as RepositoryAction;
  return describeAccess(name.name, action === 'push' ? ['pull', 'push'] : [action]);
}

function authorizeRegistry(request: FastifyRequest, access: string): void {
  const { caller } = request;
  const isToken = caller.grants !== undefined;
  if (access === 'catalog') {
    if (isSignedIn(caller) && (!isToken || caller.mayListCatalog === true)) return;
    throw new Refusal('UNAUTHORIZED', 'the catalog: authentication required', {
      detail: wantedAccess(request),
    });
  }
  if (!isSignedIn(caller) && !isToken) {
    throw new Refusal('UNAUTHORIZED', 'authentication required');
  }
}

/** Where a path takes an id as well, all digits are one, unless a header says otherwise. */
function projectKey(
  { params, headers }: FastifyRequest,
  parameter: ProjectParameter,
): { name: string } | { id: number } {
  const text = (params as Record<ProjectParameter, string>)[parameter];
  const isId =
    parameter === 'project_name_or_id' &&
    headers['x-is-resource-name'] !== 'true' &&
    /^\d{1,15}$/.test(text);
  return isId ? { id: Number(text) } : { name: text };
}
