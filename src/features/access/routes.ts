import Type from 'typebox';

import { Refusal } from '../../lib/errors.ts';
import { Reply } from '../../platform/http/harbor-body.ts';
import type { Routes } from '../../platform/http/routes.ts';
import type { Caller } from './caller.ts';
import { hasPermission, hasSystemPermission, listAllowedProjectIds, SIGNED_IN } from './decide.ts';
import { PERMISSIONS, ROBOT_PERMISSIONS } from './roles.ts';
import { findStanding } from './store.ts';

const PermissionReply = Reply({ resource: Type.String(), action: Type.String() });
const PermissionsReply = Reply({
  system: Type.Array(PermissionReply),
  project: Type.Array(PermissionReply),
});
const PermissionQuery = Type.Object({
  /** `/project/ID` or `/system`. */
  scope: Type.String({ default: '' }),
  /** Resources without the scope in front. */
  relative: Type.Boolean({ default: false }),
});

/** How a project itself is named among what is in it. */
const SELF = '.';

/** Harbor's `/permissions` and `/users/current/permissions`. */
export const permissionRoutes: Routes = (app, { db, lookups }) => {
  app.get(
    '/permissions',
    {
      schema: {
        operationId: 'getPermissions',
        tags: ['permissions'],
        response: { 200: PermissionsReply },
      },
      config: { access: SIGNED_IN },
    },
    async ({ caller }) => {
      const managed = await listAllowedProjectIds(db, caller, 'robot:create');
      if (managed.length === 0) {
        throw new Refusal('FORBIDDEN', 'forbidden: this is for administrators of a project');
      }
      return {
        ...(managed === 'all' ? { system: [...ROBOT_PERMISSIONS.system].map(toReply) } : {}),
        project: [...ROBOT_PERMISSIONS.project].map(toReply),
      };
    },
  );

  app.get(
    '/users/current/permissions',
    {
      schema: {
        operationId: 'getCurrentUserPermissions',
        tags: ['user'],
        querystring: PermissionQuery,
        response: { 200: Type.Array(PermissionReply) },
      },
      config: { access: SIGNED_IN },
    },
    async ({ caller, query: { scope, relative } }) => {
      const base = scope.replace(/\/$/, '') || '/system';
      const permissions = await listPermissions(caller, base);
      if (relative) return permissions;
      return permissions.map(({ resource, action }) => ({
        resource: resource === SELF ? base : `${base}/${resource}`,
        action,
      }));
    },
  );

  /** What the caller may do in `/project/ID` or in `/system`; nothing in what is not there. */
  async function listPermissions(caller: Caller, scope: string) {
    if (scope === '/system') {
      return [...PERMISSIONS.system]
        .filter((permission) => hasSystemPermission(caller, permission))
        .map(toReply);
    }
    const id = /^\/project\/(\d{1,15})$/.exec(scope)?.[1];
    if (id === undefined) return [];
    const standing = await findStanding(lookups, { id: Number(id) }, caller);
    if (standing === undefined) return [];
    return [...PERMISSIONS.project]
      .filter((permission) => hasPermission(caller, standing, permission))
      .map(toReply)
      .map(({ resource, action }) => ({
        resource: resource === 'project' ? SELF : resource,
        action,
      }));
  }
};

function toReply(permission: string) {
  const [resource, action] = permission.split(':') as [string, string];
  return { resource, action };
}
