import { notFound, Refusal } from '../../lib/errors.ts';
import type { Db } from '../../platform/db/connect.ts';
import { actorOf, type ActingRequest } from '../access/index.ts';
import { findOrOnboardGroup, findUser, findUserByName, findUserGroup } from '../accounts/index.ts';
import type { MemberCreation } from './schema.ts';

/** Who shall become a member: its column in `member`, and its name as events have it. */
export type Entity =
  | { key: { user_id: number }; subject: { user: string } }
  | { key: { group_id: number }; subject: { user_group: string } };

type Request = ActingRequest & { body: Omit<MemberCreation, 'role_id'> };

/** The one user or group that the body names. */
export async function getEntity(
  tx: Db,
  request: Request,
  { auth_mode }: { auth_mode: string },
): Promise<Entity> {
  const { member_user, member_group } = request.body;
  const [user, group] = [withoutEmpty(member_user), withoutEmpty(member_group)];
  delete group.group_type; // it names nobody by itself
  const [namesUser, namesGroup] = [user, group].map((named) => Object.keys(named).length > 0);
  if (namesUser === namesGroup) {
    throw new Refusal(
      'BAD_REQUEST',
      'bad request: member_user needs user_id or username, or member_group needs id, group_name or ldap_group_dn; and one of the two',
    );
  }
  if (namesUser) return getUser(tx, user);
  const { id, ...named } = group;
  const wanted = { ...named, ...withoutEmpty({ group_type: member_group!.group_type }) };
  const found =
    id === undefined
      ? await findOrOnboardGroup(tx, wanted, { auth_mode, ...actorOf(request) })
      : await findUserGroup(tx, id);
  if (found === undefined) {
    throw notFound('user group', id ?? named.ldap_group_dn ?? named.group_name!);
  }
  return { key: { group_id: found.id }, subject: { user_group: found.group_name } };
}

async function getUser(
  db: Db,
  { user_id, username }: NonNullable<MemberCreation['member_user']>,
): Promise<Entity> {
  const user =
    user_id === undefined ? await findUserByName(db, username!) : await findUser(db, user_id);
  if (user === undefined) throw notFound('user', user_id ?? username!);
  if (username !== undefined && username.toLowerCase() !== user.username.toLowerCase()) {
    throw new Refusal(
      'BAD_REQUEST',
      `bad request: member_user names two: the user ${user_id} is not ${username}`,
    );
  }
  return { key: { user_id: user.id }, subject: { user: user.username } };
}

const withoutEmpty = <T extends object>(named: T | undefined): Partial<T> =>
  Object.fromEntries(
    Object.entries(named ?? {}).filter(
      ([, value]) => value !== 0 && value !== '' && value !== undefined,
    ),
  ) as Partial<T>;
