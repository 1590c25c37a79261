import { sql } from 'kysely';

import { Refusal } from '../../lib/errors.ts';
import { requireStorable, type BatchedStatement } from '../../platform/db/batched-query.ts';
import type { Db } from '../../platform/db/connect.ts';
import { isUniqueViolation } from '../../platform/db/errors.ts';
import {
  booleanColumn,
  contains,
  integerColumn,
  meets,
  orderBy,
  textColumn,
  timeColumn,
  type ListFields,
} from '../../platform/db/list.ts';
import type { Lookups } from '../../platform/db/lookups.ts';
import type { ListOptions } from '../../platform/http/paging.ts';

/** Harbor's built-in administrator can't be deleted or lose its rights. */
export const BUILT_IN_ADMIN = 1;

export interface User {
  id: number;
  username: string;
  email: string | null;
  realname: string;
  comment: string;
  is_sysadmin: boolean;
  password_changed_at: Date;
  created_at: Date;
  updated_at: Date;
}

const COLUMNS = [
  'id',
  'username',
  'email',
  'realname',
  'comment',
  'is_sysadmin',
  'password_changed_at',
  'created_at',
  'updated_at',
] as const;

/** Names and what they are compared with are lowered alike: only A to Z, whatever the database's locale. */
const lower = (name: string) => sql<string>`lower(${name} collate "C")`;

const selectUsers = (db: Db) => db.selectFrom('user_account').where('deleted_at', 'is', null);

export async function findUser(db: Db, id: number): Promise<User | undefined> {
  return selectUsers(db).where('id', '=', id).select(COLUMNS).executeTakeFirst();
}

export async function findUserByName(db: Db, username: string): Promise<User | undefined> {
  return selectUsers(db)
    .where(sql`lower(username)`, '=', lower(username))
    .select(COLUMNS)
    .executeTakeFirst();
}

export async function userExists(
  db: Db,
  { target, value }: { target: 'username' | 'email'; value: string },
): Promise<boolean> {
  const row = await selectUsers(db)
    .where(sql`lower(${sql.ref(target)})`, '=', lower(value))
    .select('id')
    .executeTakeFirst();
  return row !== undefined;
}

/** Who has been a system administrator from the beginning: the owner of what no user owns. */
export async function findFirstAdministrator(db: Db): Promise<{ id: number }> {
  return selectUsers(db)
    .where('is_sysadmin', '=', true)
    .orderBy('id')
    .select('id')
    .executeTakeFirstOrThrow();
}

/** What a sign-in needs: the user and the hash of the password. */
export interface Credential {
  id: number;
  username: string;
  is_sysadmin: boolean;
  password_changed_at: Date;
  password_hash: string | null;
}

type CredentialKey = { id: number } | { username: string } | { email: string };

const FIND_CREDENTIAL: BatchedStatement<CredentialKey> = {
  name: 'credential',
  text: `select wanted.position::int as position,
      u.id, u.username, u.is_sysadmin, u.password_changed_at, u.password_hash
    from unnest($1::bigint[], $2::text[], $3::text[]) with ordinality as wanted (id, username, email, position)
    join user_account u on u.deleted_at is null and u.id = coalesce(wanted.id, (
      select n.id from user_account n
      where n.deleted_at is null and lower(n.username) = lower(wanted.username collate "C")
    ), (
      select n.id from user_account n where n.deleted_at is null and lower(n.email) = lower(wanted.email)
    ))`,
  toColumns: (keys) => [
    keys.map((key) => ('id' in key ? key.id : null)),
    keys.map((key) => ('username' in key ? key.username : null)),
    keys.map((key) => ('email' in key ? key.email : null)),
  ],
};

export async function findCredential(
  lookups: Lookups,
  key: CredentialKey,
): Promise<Credential | undefined> {
  for (const text of Object.values(key)) if (typeof text === 'string') requireStorable(text);
  return lookups.batch<CredentialKey, Credential>(FIND_CREDENTIAL)(key);
}

const LIST_FIELDS: ListFields = {
  userid: integerColumn('id'),
  username: textColumn('username'),
  email: textColumn('email'),
  realname: textColumn('realname'),
  comment: textColumn('comment'),
  sysadminflag: booleanColumn('is_sysadmin'),
  creationtime: timeColumn('created_at'),
  updatetime: timeColumn('updated_at'),
};

export interface UserFilter {
  /** Parts, in any case. */
  username?: string | undefined;
  email?: string | undefined;
  /** As in Harbor the built-in administrator is left out, unless `user_id` is asked for. */
  withAdmin?: boolean;
  /** Whoever types a name finds it at the top. */
  isShortestFirst?: boolean;
}

export async function listUsers(
  db: Db,
  { username, email, withAdmin = false, isShortestFirst = false }: UserFilter,
  { conditions, sort, limit, offset }: ListOptions,
): Promise<{ users: User[]; total: number }> {
  let query = selectUsers(db).where(meets(LIST_FIELDS, conditions));
  for (const [column, part] of Object.entries({ username, email })) {
    if (part === undefined || part === '') continue;
    query = query.where(contains(sql.ref(column), part));
  }
  if (!withAdmin && !conditions.some(({ key }) => key === 'userid')) {
    query = query.where('id', '<>', BUILT_IN_ADMIN);
  }
  // There is an index of this order.
  const last = isShortestFirst ? sql`length(username), username` : sql`lower(username)`;
  const users = await query
    .select(COLUMNS)
    .orderBy(orderBy(LIST_FIELDS, sort, last))
    .limit(limit)
    .offset(offset)
    .execute();
  const { total } = await query
    .select(({ fn }) => fn.countAll<number>().as('total'))
    .executeTakeFirstOrThrow();
  return { users, total };
}

export interface NewUser {
  username: string;
  email: string | null;
  realname: string;
  comment: string;
  password_hash: string;
}

export async function insertUser(db: Db, user: NewUser): Promise<number> {
  const { id } = await refuseDuplicates(() =>
    db.insertInto('user_account').values(user).returning('id').executeTakeFirstOrThrow(),
  );
  await requireOwnNames(db, id);
  return id;
}

/** People sign in by name or by e-mail address: neither may be the other one of somebody else. */
async function requireOwnNames(db: Db, id: number): Promise<void> {
  const { rows } = await sql`
    select from user_account me
    join user_account other on other.deleted_at is null and other.id <> me.id
      and (lower(other.email) = lower(me.username) or lower(other.username) = lower(me.email))
    where me.id = ${id}`.execute(db);
  if (rows.length === 0) return;
  throw new Refusal(
    'CONFLICT',
    'conflict: the user name is the email of somebody else, or the email is a user name',
  );
}

/** Answers whether there was such a user. */
export async function updateProfile(
  db: Db,
  id: number,
  profile: Pick<NewUser, 'email' | 'realname' | 'comment'>,
): Promise<boolean> {
  const { numUpdatedRows } = await refuseDuplicates(() =>
    selectUpdate(db)
      .set({ ...profile, updated_at: sql`now()` })
      .where('id', '=', id)
      .executeTakeFirst(),
  );
  await requireOwnNames(db, id);
  return numUpdatedRows > 0n;
}

async function refuseDuplicates<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (isUniqueViolation(cause)) {
      throw new Refusal('CONFLICT', 'conflict: the user name or the email is in use', { cause });
    }
    throw cause;
  }
}

/** A new password ends what was got with the old one: bearer tokens and refresh tokens. */
export async function updatePassword(db: Db, id: number, passwordHash: string): Promise<void> {
  await db
    .updateTable('user_account')
    .set({
      password_hash: passwordHash,
      password_changed_at: sql`now()`,
      updated_at: sql`now()`,
    })
    .where('id', '=', id)
    .execute();
}

/** Sets the administrator's password if it has none. Answers whether it was set. */
export async function setFirstPassword(
  db: Db,
  username: string,
  passwordHash: string,
): Promise<boolean> {
  const { numUpdatedRows } = await selectUpdate(db)
    .set({ password_hash: passwordHash })
    .where('username', '=', username)
    .where('password_hash', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

export async function hasPassword(db: Db, username: string): Promise<boolean> {
  const row = await selectUsers(db)
    .where('username', '=', username)
    .where('password_hash', 'is not', null)
    .select('id')
    .executeTakeFirst();
  return row !== undefined;
}

const selectUpdate = (db: Db) => db.updateTable('user_account').where('deleted_at', 'is', null);

export async function updateSysadmin(db: Db, id: number, isSysadmin: boolean): Promise<boolean> {
  const { numUpdatedRows } = await selectUpdate(db)
    .set({ is_sysadmin: isSysadmin, updated_at: sql`now()` })
    .where('id', '=', id)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** The row stays, for history; nobody can sign in with it, and its name is free again. */
export async function deleteUser(db: Db, id: number): Promise<boolean> {
  const { numUpdatedRows } = await selectUpdate(db)
    .set({ deleted_at: sql`now()`, password_hash: null, is_sysadmin: false })
    .where('id', '=', id)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Seconds until the next try is allowed for any of the subjects; 0 when it is allowed now. */
export async function findBlockedSeconds(db: Db, subjects: string[]): Promise<number> {
  const { rows } = await sql<{ seconds: number }>`
    select coalesce(ceil(extract(epoch from max(blocked_until) - now())), 0)::int as seconds
    from sign_in_failure where subject = any (${subjects})`.execute(db);
  return Math.max(0, rows[0]?.seconds ?? 0);
}

export interface FailurePolicy {
  /** Failures that cost nothing. */
  free: number;
  /** Longest wait in seconds. */
  maxSeconds: number;
}

/** Counts a failure: behind the free ones the wait is one second and doubles with each. Forgotten after an hour. */
export async function recordFailure(db: Db, subject: string, policy: FailurePolicy): Promise<void> {
  await countOne(subject, policy).execute(db);
}

/** Counts it in the same way, unless it has to wait. Answers whether it was counted. */
export async function takeTurn(db: Db, subject: string, policy: FailurePolicy): Promise<boolean> {
  const { rows } = await sql`${countOne(subject, policy)}
    where f.blocked_until <= clock_timestamp() returning f.subject`.execute(db);
  return rows.length > 0;
}

const countOne = (subject: string, { free, maxSeconds }: FailurePolicy) => sql`
    insert into sign_in_failure as f (subject, failures, failed_at, blocked_until)
    values (${subject}, 1, now(), now())
    on conflict (subject) do update set
      failures = case when f.failed_at < now() - interval '1 hour' then 1 else f.failures + 1 end,
      failed_at = now(),
      blocked_until = case
        when f.failed_at < now() - interval '1 hour' or f.failures < ${free} then now()
        else now() + make_interval(secs => least(${maxSeconds}, power(2, least(f.failures - ${free}, 20))))
      end`;

export async function forgetFailures(db: Db, subjects: string[]): Promise<void> {
  await sql`delete from sign_in_failure
    where subject = any (${subjects}) or failed_at < now() - interval '1 day'`.execute(db);
}
