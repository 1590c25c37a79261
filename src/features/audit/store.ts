import { sql, type RawBuilder } from 'kysely';

import { Refusal } from '../../lib/errors.ts';
import type { Db } from '../../platform/db/connect.ts';
import { isStatementTimeout } from '../../platform/db/errors.ts';
import {
  booleanColumn,
  integerColumn,
  meets,
  orderBy,
  textColumn,
  timeColumn,
  type ListColumn,
  type ListFields,
} from '../../platform/db/list.ts';
import type { ListOptions } from '../../platform/http/paging.ts';

export interface AuditRow {
  seq: number;
  project_id: number | null;
  actor: string;
  operation: string;
  resource_type: string;
  resource: string;
  /** The code of a refusal. */
  result: string | null;
  address: string;
  client: string;
  before: unknown;
  after: unknown;
  occurred_at: Date;
}

/** The projects whose events are asked for. */
export type AuditScope = number[] | 'all';

const COLUMNS = sql`seq, project_id, actor, operation, resource_type, resource, result, address, client, before,
  after, occurred_at`;
const full = (column: ListColumn): ListColumn => ({ ...column, isFull: true });
const FIELDS: ListFields = {
  id: full(integerColumn('seq')),
  username: full(textColumn('actor')),
  operation: full(textColumn('operation')),
  resourcetype: full(textColumn('resource_type')),
  resource: full(textColumn('resource')),
  optime: full(timeColumn('occurred_at')),
  operationresult: { ...booleanColumn('result'), column: sql`(result is null)` },
  resultcode: textColumn('result'),
  address: full(textColumn('address')),
  client: full(textColumn('client')),
};

/** Harbor's first audit log knows these alone, and nothing that was refused. */
const LEGACY = sql<boolean>`(result is null and operation in ('create', 'delete', 'pull')
  and resource_type in ('artifact', 'tag', 'repository', 'project', 'robot'))`;

export interface AuditFilter {
  scope: AuditScope;
  conditions: ListOptions['conditions'];
  isLegacy?: boolean;
}

function isInScope(scope: AuditScope): RawBuilder<boolean> {
  if (scope === 'all') return sql`true`;
  // Of one project the index has them in their order: PostgreSQL does not see that in a list of one.
  if (scope.length === 1) return sql`project_id = ${scope[0]!}`;
  return sql`project_id = any (${scope}::bigint[])`;
}

function toWhere({ scope, conditions, isLegacy = false }: AuditFilter): RawBuilder<boolean> {
  const legacy = isLegacy ? LEGACY : sql`true`;
  return sql`(audit = 'listed' and ${isInScope(scope)} and ${legacy} and ${meets(FIELDS, conditions)})`;
}

const isWholeFeed = ({ scope, conditions, isLegacy = false }: AuditFilter): boolean =>
  scope === 'all' && conditions.length === 0 && !isLegacy;

/** Far more than anybody waits for. */
const PAGE_TIMEOUT_MS = 10_000;

type AuditPage = Pick<ListOptions, 'sort' | 'limit' | 'offset'>;

/** One page, the newest first unless `sort` says otherwise, and about how many entries there are: more, if it is not the last. */
export async function listAudit(
  db: Db,
  filter: AuditFilter,
  page: AuditPage,
): Promise<{ rows: AuditRow[]; total: number }> {
  const rows = await listAuditRows(db, filter, page);
  const end = page.offset + rows.length;
  const isLast = rows.length < page.limit && (rows.length > 0 || page.offset === 0);
  if (isLast) return { rows, total: end };
  const total = await countAuditRows(db, filter, end);
  // Behind the last page: no link may lead on.
  return { rows, total: rows.length === 0 ? Math.min(total, end) : total };
}

async function listAuditRows(
  db: Db,
  filter: AuditFilter,
  { sort, limit, offset }: AuditPage,
): Promise<AuditRow[]> {
  if (isWholeFeed(filter) && sort.length === 0) {
    const rows = await listFeed(db, { limit, offset });
    if (rows.length > 0) return rows;
  }
  // In the direction of the first key, so that an index has the rows in this order.
  const isDescending = sort[0]?.isDescending ?? true;
  const last = isDescending ? sql`occurred_at desc, seq desc` : sql`occurred_at, seq`;
  try {
    return await within(db, PAGE_TIMEOUT_MS, async (tx) => {
      const { rows } = await sql<AuditRow>`
        select ${COLUMNS} from event where ${toWhere(filter)}
        order by ${orderBy(FIELDS, sort, last)} limit ${limit} offset ${offset}`.execute(tx);
      return rows;
    });
  } catch (cause) {
    if (!isStatementTimeout(cause)) throw cause;
    throw new Refusal(
      'BAD_REQUEST',
      'bad request: this takes too long; narrow it with op_time=[FROM~TO], a project, or whole names',
      { cause },
    );
  }
}

/** As quick on the last page as on the first. Nothing when some of the feed is not listed. */
async function listFeed(
  db: Db,
  { limit, offset }: Pick<ListOptions, 'limit' | 'offset'>,
): Promise<AuditRow[]> {
  const { rows } = await sql<AuditRow>`
    select ${COLUMNS} from event where seq <= (select max(seq) from event) - ${offset}::bigint and (select feed_is_listed())
    order by seq desc limit ${limit}`.execute(db);
  return rows;
}

/** Counted exactly up to this, and for no longer than this. */
const MOST_COUNTED = 1000;
const COUNT_TIMEOUT_MS = 1000;

/**
 * How many entries there are: exactly while they are few or the whole feed is asked for, else as PostgreSQL estimates, and
 * more than `seen`, so that the links lead on.
 */
async function countAuditRows(db: Db, filter: AuditFilter, seen: number): Promise<number> {
  const all = isWholeFeed(filter) ? await countFeed(db) : undefined;
  if (all !== undefined) return all;
  const where = toWhere(filter);
  const { rows } = await sql<{ 'QUERY PLAN': [{ Plan: { 'Plan Rows': number } }] }>`
    explain (format json) select from event where ${where}`.execute(db);
  const estimate = rows[0]!['QUERY PLAN'][0].Plan['Plan Rows'];
  const counted = estimate > 2 * MOST_COUNTED ? undefined : await countExactly(db, where);
  return counted ?? Math.max(estimate, seen + 1);
}

/** Undefined when some of the feed is not listed. */
async function countFeed(db: Db): Promise<number | undefined> {
  const { rows } = await sql<{ total: number | null }>`
    select case when (select feed_is_listed()) then coalesce(max(seq) - min(seq) + 1, 0) end as total from event`.execute(
    db,
  );
  return rows[0]!.total ?? undefined;
}

/** Undefined when counting takes too long, or there are more than `MOST_COUNTED`. */
async function countExactly(db: Db, where: RawBuilder<boolean>): Promise<number | undefined> {
  try {
    return await within(db, COUNT_TIMEOUT_MS, async (tx) => {
      const { rows } = await sql<{ count: number }>`select count(*) as count
        from (select from event where ${where} limit ${MOST_COUNTED + 1}) few`.execute(tx);
      const { count } = rows[0]!;
      return count > MOST_COUNTED ? undefined : count;
    });
  } catch (cause) {
    if (!isStatementTimeout(cause)) throw cause;
    return undefined;
  }
}

function within<T>(db: Db, ms: number, work: (tx: Db) => Promise<T>): Promise<T> {
  return db.transaction().execute(async (tx) => {
    await sql`set local statement_timeout = ${sql.lit(ms)}`.execute(tx);
    return work(tx);
  });
}

/** Rows of one statement. */
const BATCH = 1000;

/** Everything that meets a filter, the newest first, in batches; no statement lasts, and nothing is open between them. */
export async function* eachAuditBatch(db: Db, filter: AuditFilter): AsyncGenerator<AuditRow[]> {
  let behind = sql<boolean>`true`;
  for (;;) {
    const { rows } = await sql<AuditRow>`
      select ${COLUMNS} from event where ${toWhere(filter)} and ${behind}
      order by occurred_at desc, seq desc limit ${BATCH}`.execute(db);
    if (rows.length > 0) yield rows;
    if (rows.length < BATCH) return;
    const { seq } = rows.at(-1)!;
    // Not the time as JavaScript has it, which is without microseconds.
    behind = sql`(occurred_at, seq) < ((select occurred_at from event where seq = ${seq}), ${seq})`;
  }
}

export interface Cursor {
  /** Empty: entries are forwarded nowhere. */
  endpoint: string;
  last_seq: number;
  newest: number;
}

const CURSOR = sql`select endpoint, last_seq, coalesce((select max(seq) from event), 0)::bigint as newest from audit_forwarding`;

/** How far entries were forwarded. */
export async function findCursor(db: Db): Promise<Cursor> {
  const { rows } = await sql<Cursor>`${CURSOR}`.execute(db);
  return rows[0]!;
}

/** The same, locked; undefined when somebody else is at it. */
export async function lockCursor(tx: Db): Promise<Cursor | undefined> {
  const { rows } = await sql<Cursor>`${CURSOR} for update skip locked`.execute(tx);
  return rows[0];
}

export async function moveCursor(
  tx: Db,
  { endpoint, last_seq }: Pick<Cursor, 'endpoint' | 'last_seq'>,
): Promise<void> {
  await sql`update audit_forwarding set endpoint = ${endpoint}, last_seq = ${last_seq}`.execute(tx);
}

/** The next of the feed, with whether it is to be forwarded. */
export async function listBehind(
  db: Db,
  seq: number,
  limit: number,
): Promise<(AuditRow & { is_wanted: boolean })[]> {
  const { rows } = await sql<AuditRow & { is_wanted: boolean }>`
    select ${COLUMNS}, audit <> 'off' as is_wanted from event where seq > ${seq} order by seq limit ${limit}`.execute(
    db,
  );
  return rows;
}
