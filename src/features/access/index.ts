export {
  accountKey,
  ANONYMOUS,
  callerName,
  isSignedIn,
  type Caller,
  type RepositoryAction,
  type RepositoryGrant,
  type SignedInRobot,
  type SignedInUser,
  userOf,
} from './caller.ts';
export {
  describeAccess,
  findOwnProjects,
  findRepositoryScope,
  hasPermission,
  hasSystemPermission,
  holdsGrant,
  isPermission,
  listActions,
  listAllowedProjectIds,
  listOwnProjectIds,
  requireProjectAccess,
  MissingRight,
  requireSystemAccess,
  SIGNED_IN,
  type MissingAccess,
  type RepositoryKey,
} from './decide.ts';
export { rightsAllow, type Place, type RobotRight } from './robot-rights.ts';
export { findRole, ROBOT_PERMISSIONS, ROLE_IDS, strongestRole, type Role } from './roles.ts';
export {
  deleteMember,
  findMember,
  findStanding,
  insertMember,
  listMembers,
  listRobotRights,
  removeMemberships,
  updateMemberRole,
  type Member,
} from './store.ts';
export { actorOf, type ActingRequest } from './request.ts';
export { recordRefusal } from './record-refusal.ts';
export { permissionRoutes } from './routes.ts';
export { isReadOnly, requireChangeable } from './read-only.ts';
