export { findOrOnboardGroup } from './groups/onboard.ts';
export { findUserGroup } from './groups/store.ts';
export { userGroupRoutes } from './groups/routes.ts';
export { generatePassword, hashPassword, requireStrongPassword } from './password.ts';
export { profileRoutes } from './profile-routes.ts';
export { userRoutes } from './routes.ts';
export { onRefusal, recordSignIn, signInOnRecord as signIn } from './record-sign-in.ts';
export { findSignedInRobot } from './robots/credentials.ts';
export { robotRoutes } from './robots/routes.ts';
export { findSignedInUser } from './sign-in.ts';
export {
  findFirstAdministrator,
  findUser,
  findUserByName,
  hasPassword,
  setFirstPassword,
  updatePassword,
} from './store.ts';
export { createForgeryCheck } from './sessions/csrf.ts';
export { findSessionUser } from './sessions/session.ts';
export { sessionRoutes } from './sessions/session-routes.ts';
export { signInRoutes } from './sessions/sign-in-routes.ts';
