import { sql } from 'kysely';

import { Refusal } from '../../../lib/errors.ts';
import type { Db } from '../../../platform/db/connect.ts';
import { isUniqueViolation } from '../../../platform/db/errors.ts';
import { contains } from '../../../platform/db/list.ts';

export interface UserGroup {
  id: number;
  group_name: string;
  group_type: number;
  ldap_group_dn: string;
}

const COLUMNS = ['id', 'group_name', 'group_type', 'ldap_group_dn'] as const;

export async function findUserGroup(db: Db, id: number): Promise<UserGroup | undefined> {
  return db.selectFrom('user_group').where('id', '=', id).select(COLUMNS).executeTakeFirst();
}

/** The group that a request names: by its DN, else by name and, if given, type. */
export async function findUserGroupByName(
  db: Db,
  { group_name, group_type, ldap_group_dn }: Partial<UserGroup>,
): Promise<UserGroup | undefined> {
  let query = db.selectFrom('user_group').select(COLUMNS).orderBy('group_type');
  if (ldap_group_dn !== undefined) {
    query = query.where('ldap_group_dn', '=', toStoredDn(ldap_group_dn));
  } else {
    query = query.where('group_name', '=', group_name ?? '');
    if (group_type !== undefined) query = query.where('group_type', '=', group_type);
  }
  return query.executeTakeFirst();
}

interface GroupFilter {
  /** Part of the name, in any case. */
  part?: string | undefined;
  dn?: string | undefined;
  /** The shortest names first: whoever types a name finds it at the top. */
  isShortestFirst?: boolean;
}

export async function listUserGroups(
  db: Db,
  { part, dn, isShortestFirst = false }: GroupFilter,
  { limit, offset }: { limit: number; offset: number },
): Promise<{ groups: UserGroup[]; total: number }> {
  let query = db.selectFrom('user_group');
  if (part !== undefined) {
    query = query.where(contains(sql`group_name`, part));
  }
  if (dn !== undefined) query = query.where('ldap_group_dn', '=', toStoredDn(dn));
  const groups = await query
    .select(COLUMNS)
    .orderBy(isShortestFirst ? sql`length(group_name)` : sql`0::int`)
    .orderBy('group_name')
    .orderBy('id')
    .limit(limit)
    .offset(offset)
    .execute();
  const { total } = await query
    .select(({ fn }) => fn.countAll<number>().as('total'))
    .executeTakeFirstOrThrow();
  return { groups, total };
}

export async function insertUserGroup(db: Db, group: Omit<UserGroup, 'id'>): Promise<number> {
  const { id } = await refuseDuplicates(group.group_name, () =>
    db
      .insertInto('user_group')
      .values({ ...group, ldap_group_dn: toStoredDn(group.ldap_group_dn) })
      .returning('id')
      .executeTakeFirstOrThrow(),
  );
  return id;
}

/** Answers its id when there was no such group yet. */
export async function ensureUserGroup(
  db: Db,
  group: Pick<UserGroup, 'group_name' | 'group_type'>,
): Promise<number | undefined> {
  const made = await db
    .insertInto('user_group')
    .values({ ...group, ldap_group_dn: '' })
    .onConflict((conflict) => conflict.columns(['group_name', 'group_type']).doNothing())
    .returning('id')
    .executeTakeFirst();
  return made?.id;
}

/** Answers whether there was such a group. */
export async function renameUserGroup(db: Db, id: number, groupName: string): Promise<boolean> {
  const { numUpdatedRows } = await refuseDuplicates(groupName, () =>
    db
      .updateTable('user_group')
      .set({ group_name: groupName, updated_at: sql`now()` })
      .where('id', '=', id)
      .executeTakeFirst(),
  );
  return numUpdatedRows > 0n;
}

/** What its members could do through it they can't any more. Answers whether there was such a group. */
export async function deleteUserGroup(db: Db, id: number): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom('user_group')
    .where('id', '=', id)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

/** As in Harbor. */
const toStoredDn = (dn: string): string => dn.trim().toLowerCase();

async function refuseDuplicates<T>(groupName: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (isUniqueViolation(cause)) {
      throw new Refusal(
        'CONFLICT',
        `conflict: there is a user group with the name ${groupName}, or with this ldap_group_dn`,
        { cause },
      );
    }
    throw cause;
  }
}
