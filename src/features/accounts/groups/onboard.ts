import { Refusal } from '../../../lib/errors.ts';
import type { Db } from '../../../platform/db/connect.ts';
import { emit } from '../../../platform/events/index.ts';
import { isGroupName, OIDC_GROUP } from './schema.ts';
import { ensureUserGroup, findUserGroupByName, type UserGroup } from './store.ts';

/**
 * The group that a request names. Where users come by OpenID Connect its provider can't be asked which groups there
 * are: one that nobody has named before is made, as in Harbor.
 */
export async function findOrOnboardGroup(
  tx: Db,
  group: Partial<UserGroup>,
  { auth_mode, ...actor }: { auth_mode: string; actor: string; client: string },
): Promise<UserGroup | undefined> {
  const found = await findUserGroupByName(tx, group);
  const { group_name, group_type = OIDC_GROUP, ldap_group_dn } = group;
  if (found !== undefined || ldap_group_dn !== undefined || group_type !== OIDC_GROUP) return found;
  if (auth_mode !== 'oidc_auth') return undefined;
  if (!isGroupName(group_name!)) {
    throw new Refusal('BAD_REQUEST', 'bad request: a group_name has no control characters');
  }
  const named = { group_name: group_name!, group_type };
  if ((await ensureUserGroup(tx, named)) !== undefined) {
    const subject = { user_group: named.group_name };
    await emit(tx, { type: 'user_group.created', subject, ...actor });
  }
  return findUserGroupByName(tx, named);
}
