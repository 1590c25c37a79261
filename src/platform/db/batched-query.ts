import type pg from 'pg';

import { overloaded, Refusal } from '../../lib/errors.ts';

/** A query that answers many look-ups at once. */
export interface BatchedStatement<Key> {
  /** Under this name each connection prepares it once. */
  name: string;
  /**
   * SQL whose parameters are arrays, one per column of the keys:
   * `… from unnest($1::…[], $2::…[]) with ordinality as wanted (a, b, position) …`. Its rows have the
   * `position` of the key they answer, at most one each.
   */
  text: string;
  toColumns(keys: Key[]): unknown[][];
  /** Most keys of one query, for rows that are large. */
  maxKeys?: number;
}

/** Refuses a text that PostgreSQL can't keep: it would fail all look-ups that are joined with this one. */
export function requireStorable(text: string): void {
  if (!text.includes('\0')) return;
  throw new Refusal('BAD_REQUEST', 'bad request: a text holds the character NUL');
}

interface Waiting<Key, Row> {
  key: Key;
  resolve(row: Row | undefined): void;
  reject(error: unknown): void;
}

/** More than this in one query would make the first of them wait for the last. */
const MAX_KEYS = 512;
/**
 * While a query is under way the next look-ups gather: fewer, larger queries cost half of what two at a time
 * do (measured). Only when one is slow do others go beside it.
 */
const SLOW_MS = 20;
const MAX_RUNNING = 2;

/**
 * Joins all look-ups that are asked for in one turn of the event loop into one query: a look-up costs a
 * fraction of a round trip, and always sees what was committed before it was asked for. When `maxWaiting` have
 * not been sent, the next one is refused.
 */
export function batchQuery<Key, Row extends object>(
  pool: pg.Pool,
  statement: BatchedStatement<Key>,
  maxWaiting: number,
): (key: Key) => Promise<Row | undefined> {
  const gathered: Waiting<Key, Row>[] = [];
  let running = 0;
  let sentAt = 0;
  let waking: NodeJS.Timeout | undefined;
  let isScheduled = false;

  function schedule(): void {
    if (isScheduled || gathered.length === 0) return;
    const mayRun = running === 0 || (running < MAX_RUNNING && performance.now() - sentAt > SLOW_MS);
    if (!mayRun) {
      // Nothing else may come that would make us look again.
      waking ??= setTimeout(wake, SLOW_MS);
      return;
    }
    isScheduled = true;
    setImmediate(send);
  }

  function wake(): void {
    waking = undefined;
    schedule();
  }

  function send(): void {
    isScheduled = false;
    const batch = gathered.splice(0, statement.maxKeys ?? MAX_KEYS);
    running += 1;
    sentAt = performance.now();
    void answer(batch).finally(() => {
      running -= 1;
      schedule();
    });
  }

  async function answer(batch: Waiting<Key, Row>[]): Promise<void> {
    try {
      const { rows } = await pool.query<Row & { position: number }>({
        name: statement.name,
        text: statement.text,
        values: statement.toColumns(batch.map(({ key }) => key)),
      });
      const found: (Row | undefined)[] = [];
      for (const row of rows) found[row.position - 1] = row;
      for (const [index, { resolve }] of batch.entries()) resolve(found[index]);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  return (key) => {
    if (gathered.length >= maxWaiting) return Promise.reject(overloaded('look-ups'));
    const { promise, resolve, reject } = Promise.withResolvers<Row | undefined>();
    gathered.push({ key, resolve, reject });
    schedule();
    return promise;
  };
}
