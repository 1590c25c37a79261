import { sql } from 'kysely';

import type { Db } from '../connect.ts';

/** What of a database is no row: tables with the columns that hold something, and what belongs to them. */
export interface Shape {
  tables: { name: string; columns: string[] }[];
  /** With the last number each one gave. */
  sequences: { name: string; value: number }[];
  partitions: { table: string; name: string; bounds: string }[];
}

/** Tables whose rows a crash of PostgreSQL may take are none that would be missed. */
const IS_OURS = sql`
  c.relnamespace = current_schema()::regnamespace and c.relpersistence = 'p'
  and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')`;

export async function readShape(db: Db): Promise<Shape> {
  const tables = await sql<Shape['tables'][number]>`
    select c.relname::text as name, array_agg(a.attname::text order by a.attnum) as columns
    from pg_class c join pg_attribute a on a.attrelid = c.oid
    where ${IS_OURS} and c.relkind in ('r', 'p') and not c.relispartition
      and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    group by c.oid, c.relname order by c.relname collate "C"`.execute(db);
  const sequences = await sql<Shape['sequences'][number]>`
    select sequencename::text as name, last_value as value from pg_sequences
    where schemaname = current_schema() and last_value is not null
    order by sequencename collate "C"`.execute(db);
  const partitions = await sql<Shape['partitions'][number]>`
    select p.relname::text as table, c.relname::text as name, pg_get_expr(c.relpartbound, c.oid) as bounds
    from pg_class c join pg_inherits i on i.inhrelid = c.oid join pg_class p on p.oid = i.inhparent
    where ${IS_OURS} and c.relispartition and c.relkind = 'r' order by c.relname collate "C"`.execute(
    db,
  );
  return { tables: tables.rows, sequences: sequences.rows, partitions: partitions.rows };
}

export interface ForeignKey {
  table: string;
  name: string;
  definition: string;
}

export async function listForeignKeys(db: Db): Promise<ForeignKey[]> {
  const { rows } = await sql<ForeignKey>`
    select c.relname::text as table, k.conname::text as name, pg_get_constraintdef(k.oid) as definition
    from pg_constraint k join pg_class c on c.oid = k.conrelid
    where ${IS_OURS} and k.contype = 'f' and k.conparentid = 0
    order by c.relname collate "C", k.conname collate "C"`.execute(db);
  return rows;
}

/** Whether there is anything in the schema where our tables go. */
export async function isEmptyDatabase(db: Db): Promise<boolean> {
  const { rows } = await sql<{ is_empty: boolean }>`
    select not exists (select from pg_class c where ${IS_OURS}) as is_empty`.execute(db);
  return rows[0]!.is_empty;
}
