import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { sql, type RawBuilder } from 'kysely';

import type { Db } from '../connect.ts';
import type { LongTransaction } from './long-transaction.ts';
import { listForeignKeys, readShape, type Shape } from './shape.ts';

export interface LoadedTable {
  name: string;
  columns: string[];
  /** How many there must be in the end. */
  rows: number;
}

export interface Load<T extends LoadedTable> extends Omit<Shape, 'tables'> {
  tables: T[];
  /** The rows of a table, as `copyTable` sent them. */
  open(table: T): AsyncIterable<Uint8Array>;
  signal: AbortSignal;
}

const BOUNDS = /^(DEFAULT|FOR VALUES FROM \('[^'()]*'\) TO \('[^'()]*'\))$/;

/** The rows of a table. */
export function copyTable(
  { copyOut }: LongTransaction,
  { name, columns }: Shape['tables'][number],
): Readable & { rows: number } {
  // Not the table itself: a partitioned one would have no rows then.
  return copyOut(`copy (select ${quoteAll(columns)} from ${quote(name)}) to stdout`);
}

/**
 * Puts rows in the place of all there are, in tables that were just made. The order does not matter: foreign keys
 * are taken off and checked at the end, which the owner of the tables may do, and which is quicker.
 */
export async function loadTables<T extends LoadedTable>(
  transaction: LongTransaction,
  load: Load<T>,
): Promise<void> {
  const { db } = transaction;
  const { tables } = await readShape(db);
  await run(db, sql`truncate ${sql.join(tables.map(({ name }) => sql.table(name)))}`);
  const keys = await listForeignKeys(db);
  for (const { table, name } of keys) {
    await run(db, sql`alter table ${sql.table(table)} drop constraint ${sql.id(name)}`);
  }
  for (const { table, name, bounds } of load.partitions) {
    if (!BOUNDS.test(bounds)) throw new Error(`the partition ${name} has bounds ${bounds}`);
    await run(
      db,
      sql`create table if not exists ${sql.table(name)} partition of ${sql.table(table)} ${sql.raw(bounds)}`,
    );
  }
  for (const table of load.tables) await loadTable(transaction, table, load);
  for (const { name, value } of load.sequences) {
    await run(db, sql`select setval(${quote(name)}::regclass, ${value})`);
  }
  for (const { table, name, definition } of keys) {
    load.signal.throwIfAborted();
    await run(
      db,
      sql`alter table ${sql.table(table)} add constraint ${sql.id(name)} ${sql.raw(definition)}`,
    );
  }
}

async function loadTable<T extends LoadedTable>(
  { db, copyIn }: LongTransaction,
  table: T,
  { open, signal }: Load<T>,
): Promise<void> {
  const { name, columns, rows } = table;
  // Its triggers would do again what they did when the rows came to be.
  await run(db, sql`alter table ${sql.table(name)} disable trigger user`);
  const into = copyIn(`copy ${quote(name)} (${quoteAll(columns)}) from stdin`);
  await pipeline(open(table), into, { signal });
  if (into.rows !== rows) {
    throw new Error(`${name} has ${into.rows} rows where ${rows} were written`);
  }
  await run(db, sql`alter table ${sql.table(name)} enable trigger user`);
}

const run = (db: Db, statement: RawBuilder<unknown>) => statement.execute(db);

const quote = (name: string) => `"${name.replaceAll('"', '""')}"`;
const quoteAll = (names: string[]) => names.map(quote).join(', ');
