export {
  ANONYMOUS,
  callerName,
  type Caller,
  type RepositoryAction,
  type RepositoryGrant,
  type SignedInUser,
} from './caller.ts';
export {
  describeAccess,
  findRepositoryScope,
  hasPermission,
  hasSystemPermission,
  holdsGrant,
  isPermission,
  listActions,
  listAllowedProjectIds,
  requireProjectAccess,
  requireSystemAccess,
  SIGNED_IN,
  type MissingAccess,
  type RepositoryKey,
} from './decide.ts';
export { findRole, ROLE_IDS, strongestRole, type Role } from './roles.ts';
export {
  deleteMember,
  findMember,
  findStanding,
  insertMember,
  listMemberProjectIds,
  listMembers,
  listOwnRoles,
  updateMemberRole,
  type Member,
} from './store.ts';
export { actorOf, type ActingRequest } from './request.ts';
export { recordRefusal } from './record-refusal.ts';
export { permissionRoutes } from './routes.ts';
export { isReadOnly, requireChangeable } from './read-only.ts';
