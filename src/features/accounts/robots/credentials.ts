import { clock } from '../../../lib/clock.ts';
import { Refusal } from '../../../lib/errors.ts';
import type { Lookups } from '../../../platform/db/lookups.ts';
import type { Platform } from '../../../platform/index.ts';
import type { SignedInRobot } from '../../access/index.ts';
import { findSettings } from '../../settings/index.ts';
import { robotName, type RobotName } from './name.ts';
import * as store from './store/credentials.ts';

export type RobotCredential = store.RobotCredential;
export type RobotSecret = store.RobotSecret;

export async function findRobotCredential(
  lookups: Lookups,
  name: RobotName,
): Promise<RobotCredential | undefined> {
  return store.findCredential(lookups, name);
}

/** The robot as it is now, with this secret; undefined when it can't sign in with that any more. */
export async function findSignedInRobot(
  lookups: Lookups,
  id: number,
  secretId: number,
): Promise<SignedInRobot | undefined> {
  const robot = await store.findCredential(lookups, { id });
  const isAlive = robot?.secrets.some((secret) => secret.id === secretId) === true;
  if (!isAlive || findReason(robot) !== undefined) return undefined;
  return toSignedIn(robot, secretId, (await findSettings(lookups)).robot_name_prefix);
}

/** The robot that came with this secret of its own. Refuses when it may not sign in; only it is told why. */
export function admitRobot(
  platform: Pick<Platform, 'db' | 'log'>,
  robot: RobotCredential,
  secret: RobotSecret,
  prefix: string,
): SignedInRobot {
  const reason = findReason(robot);
  if (reason !== undefined) {
    const name = robotName(robot, prefix);
    throw new Refusal('UNAUTHORIZED', `unauthorized: the robot account ${name} ${reason}`);
  }
  noteUse(platform, secret);
  return toSignedIn(robot, secret.id, prefix);
}

/** Why it may not sign in. */
function findReason({ is_disabled, is_expired }: RobotCredential): string | undefined {
  if (is_disabled) return 'is disabled';
  return is_expired ? 'has expired; whoever manages it can give it a longer duration' : undefined;
}

const toSignedIn = (robot: RobotCredential, secretId: number, prefix: string): SignedInRobot => ({
  id: robot.id,
  name: robotName(robot, prefix),
  projectId: robot.project_id,
  systemPermissions: robot.system_permissions,
  secretId,
  rightsChangedAt: robot.rights_changed_at,
});

/** A robot signs in up to thousands of times a second. */
const NOTED_EVERY_MS = 60_000;
const noting = new Set<number>();

/** Nobody waits for it, and nobody is refused because it failed. */
function noteUse({ db, log }: Pick<Platform, 'db' | 'log'>, secret: RobotSecret): void {
  const lastUsedAt = secret.last_used_at === null ? 0 : Date.parse(secret.last_used_at);
  if (clock.now().getTime() - lastUsedAt < NOTED_EVERY_MS || noting.has(secret.id)) return;
  noting.add(secret.id);
  store
    .recordUse(db, secret.id)
    .catch((error: unknown) => log.warn({ err: error }, 'use of a robot not recorded'))
    .finally(() => noting.delete(secret.id));
}
