import { Refusal } from '../../lib/errors.ts';

/** What a bearer token allows in one repository. The project's id makes it worthless in a later project of
 * the same name. */
export interface RepositoryGrant {
  repository: string;
  projectId: number;
  actions: RepositoryAction[];
}

export type RepositoryAction = 'pull' | 'push' | 'delete';

export interface SignedInUser {
  id: number;
  username: string;
  isSysadmin: boolean;
  /** What was issued to the user is worthless once this is another. */
  passwordChangedAt: Date;
}

/** The account of a program. */
export interface SignedInRobot {
  id: number;
  /** As it signs in: `robot$team+ci`. */
  name: string;
  /** The project that it belongs to; null: the whole registry's. */
  projectId: number | null;
  /** What it may do to the registry as a whole. */
  systemPermissions: readonly string[];
  /** Which of its secrets it came with: what was issued for it is worthless once that is gone. */
  secretId: number;
  /** What was issued to the robot is worthless once this is another. */
  rightsChangedAt: Date;
}

/** Who is asking: a user, a robot or nobody. `grants` is there with a bearer token, which allows what it lists and nothing else. */
export interface Caller {
  user?: SignedInUser;
  robot?: SignedInRobot;
  grants?: RepositoryGrant[];
  /** With a bearer token: whether it was asked for the catalog. */
  mayListCatalog?: boolean;
}

export const ANONYMOUS: Caller = Object.freeze({});

/** How a caller stands in rows that say who did it. */
export function callerName({ user, robot }: Caller): string {
  return user?.username ?? robot?.name ?? 'anonymous';
}

/** Tells accounts apart, users and robots; undefined: nobody has signed in. */
export function accountKey({ user, robot }: Caller): string | undefined {
  if (user !== undefined) return `user:${user.id}`;
  return robot && `robot:${robot.id}`;
}

export const isSignedIn = (caller: Caller): boolean => accountKey(caller) !== undefined;

/** The user who asks, where only a person can: 412 for robots, as in Harbor. */
export function userOf({ user, robot }: Caller): SignedInUser {
  if (user !== undefined) return user;
  if (robot === undefined) throw new Refusal('UNAUTHORIZED', 'unauthorized: sign in first');
  throw new Refusal(
    'PRECONDITION',
    `precondition failed: ${robot.name} is a robot account; this is for users`,
  );
}
