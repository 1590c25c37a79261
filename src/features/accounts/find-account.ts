import type { Platform } from '../../platform/index.ts';
import type { Caller, SignedInUser } from '../access/index.ts';
import { findSettings } from '../settings/index.ts';
import { admitRobot, findRobotCredential } from './robots/credentials.ts';
import { parseRobotName, robotName, type RobotName } from './robots/name.ts';
import * as store from './store.ts';

/** Whoever signs in with a name. */
export interface Account {
  /** As it is called, whatever it was named by. */
  name: string;
  /** Of the passwords or secrets it signs in with. */
  hashes: string[];
  /** The caller who has come with what has this hash; refuses an account that may not sign in. */
  admit(hash: string): Caller;
}

type AccountPlatform = Pick<Platform, 'db' | 'lookups' | 'log'>;

/**
 * The user or robot of this name, or the user with this email. A robot may leave its prefix out where no user has the
 * name; where one has it with the prefix, it is the robot's.
 */
export async function findAccount(
  platform: AccountPlatform,
  username: string,
): Promise<Account | undefined> {
  if (username.includes('\0')) return undefined; // no text of PostgreSQL holds it
  const { robot_name_prefix: prefix } = await findSettings(platform.lookups);
  const robot = parseRobotName(username, prefix);
  if (robot?.hasPrefix === true) {
    return (await findRobot(platform, robot, prefix)) ?? findUser(platform, { username });
  }
  return (
    (await findUser(platform, { username })) ??
    (robot && (await findRobot(platform, robot, prefix))) ??
    (username.includes('@') ? findUser(platform, { email: username }) : undefined)
  );
}

async function findUser(
  { lookups }: AccountPlatform,
  key: { username: string } | { email: string },
): Promise<Account | undefined> {
  const user = await store.findCredential(lookups, key);
  if (user === undefined) return undefined;
  const { password_hash } = user;
  return {
    name: user.username,
    hashes: password_hash === null ? [] : [password_hash],
    admit: () => ({ user: toSignedIn(user) }),
  };
}

async function findRobot(
  platform: AccountPlatform,
  name: RobotName,
  prefix: string,
): Promise<Account | undefined> {
  const robot = await findRobotCredential(platform.lookups, name);
  if (robot === undefined) return undefined;
  return {
    name: robotName(name, prefix),
    hashes: robot.secrets.map(({ hash }) => hash),
    admit(hash) {
      const secret = robot.secrets.find((one) => one.hash === hash)!;
      return { robot: admitRobot(platform, robot, secret, prefix) };
    },
  };
}

export const toSignedIn = (user: store.Credential): SignedInUser => ({
  id: user.id,
  username: user.username,
  isSysadmin: user.is_sysadmin,
  passwordChangedAt: user.password_changed_at,
});
