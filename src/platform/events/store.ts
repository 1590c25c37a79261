import { sql } from 'kysely';

import type { RefusalCode } from '../../lib/errors.ts';
import type { Db } from '../db/connect.ts';
import { OPERATIONS, type EventType } from './types.ts';

export interface NewEvent {
  type: EventType;
  projectId?: number | undefined;
  /** What it is about, by name: it may be gone when somebody reads this. */
  subject: Record<string, string | number>;
  before?: object | undefined;
  after?: object | undefined;
  /** Who did it; from where and with what: the address, a blank, the user agent. */
  actor: string;
  client: string;
}

/** Writes down what the transaction `tx` changes. Nobody sees it before the commit. */
export async function emit(tx: Db, event: NewEvent): Promise<void> {
  const json = (value: object | undefined) => (value === undefined ? null : JSON.stringify(value));
  await sql`select emit_event(${event.type}, ${event.projectId ?? null}, ${json(event.subject)}::jsonb,
    ${json(event.before)}::jsonb, ${json(event.after)}::jsonb, ${event.actor}, ${event.client})`.execute(
    tx,
  );
}

/** Something that changed nothing, and was perhaps refused. */
export type Occurrence = Omit<NewEvent, 'before' | 'after'> & {
  after?: Record<string, unknown> | undefined;
  result?: RefusalCode | undefined;
};

export type Counted = Occurrence & { count: number };

/** Writes each once, with how often it was if that was more than once. */
export async function insertOccurrences(db: Db, occurrences: Counted[]): Promise<void> {
  const rows = occurrences.map(({ projectId, after, count, ...row }) => ({
    ...row,
    project_id: projectId,
    after: count === 1 ? after : { ...after, count },
  }));
  // What a client claims may hold what PostgreSQL can't keep.
  const json = JSON.stringify(rows, (_, value: unknown) =>
    typeof value === 'string' ? value.replaceAll('\0', '').toWellFormed() : value,
  );
  await sql`insert into event_outbox (type, project_id, subject, after, actor, client, result)
    select type, project_id, subject, after, actor, client, result from jsonb_to_recordset(${json}::jsonb)
    as row (type text, project_id bigint, subject jsonb, after jsonb, actor text, client text, result text)`.execute(
    db,
  );
}

/** Moves up to `limit` committed events to the feed and answers how many. One process at a time does it. */
export async function dispatchEvents(db: Db, limit: number): Promise<number> {
  const { rows } = await sql<{
    count: number;
  }>`select dispatch_events(${limit}, ${JSON.stringify(OPERATIONS)}::jsonb) as count`.execute(db);
  return rows[0]!.count;
}

/** How long the oldest event that is not in the feed yet has waited, in seconds; 0 when there is none. */
export async function findEventLag(db: Db): Promise<number> {
  const { rows } = await sql<{ seconds: number }>`
    select coalesce(extract(epoch from now() - min(occurred_at)), 0)::float8 as seconds
    from event_outbox`.execute(db);
  return rows[0]!.seconds;
}

/** Removes the months that have been over for `days`; answers them, as `2026-01`. */
export async function dropOldEvents(db: Db, days: number): Promise<string[]> {
  const { rows } = await sql<{
    month: string;
  }>`select month from drop_old_events(${days}) month`.execute(db);
  return rows.map(({ month }) => month);
}

export async function prepareEvents(db: Db): Promise<void> {
  await sql`select prepare_events()`.execute(db);
}

/** For how many seconds the oldest event has been in the feed; 0 when there is none. */
export async function findOldestEventAge(db: Db): Promise<number> {
  const { rows } = await sql<{ seconds: number }>`
    select extract(epoch from now() - recorded_at)::float8 as seconds from event order by seq limit 1`.execute(
    db,
  );
  return rows[0]?.seconds ?? 0;
}
