import { Kysely, PostgresDialect, sql } from 'kysely';
import type pg from 'pg';

import { openPool, type DatabaseAddress, type Db } from '../connect.ts';
import { lockMigrations } from '../migrate.ts';
import type { DB } from '../schema.gen.ts';
import { CopyIn, CopyOut } from './copy-streams.ts';

/** A transaction that reads or writes whole tables. */
export interface LongTransaction {
  db: Db;
  copyOut(statement: string): CopyOut;
  copyIn(statement: string): CopyIn;
}

/** What would end a transaction that takes long; some only newer servers have. */
const LIMITS = [
  'statement_timeout',
  'transaction_timeout',
  'idle_in_transaction_session_timeout',
  'lock_timeout',
];

/** How values are written, whatever the server's own taste. */
const FORMATS = { datestyle: 'ISO, YMD', intervalstyle: 'postgres', timezone: 'UTC' };

/**
 * Runs `work` in one transaction on a connection of its own, without limits of time, ours or the server's. No
 * migration runs meanwhile. Reading, it sees one moment. What `work` throws, or `signal`, gives up the connection, and
 * so the transaction, whatever PostgreSQL is doing.
 */
export async function inLongTransaction<T>(
  address: DatabaseAddress,
  { mode, signal }: { mode: 'read' | 'write'; signal?: AbortSignal },
  work: (transaction: LongTransaction) => Promise<T>,
): Promise<T> {
  const pool = openPool(address, {
    poolSize: 1,
    statementTimeoutMs: 0,
    applicationName: 'roadstead backup',
    settings: {},
  });
  try {
    const client = await pool.connect();
    const stop = () => void client.end();
    signal?.addEventListener('abort', stop);
    try {
      const db = dbOf(client);
      // Before the transaction: it sees what is there when it begins.
      await lockMigrations(db, mode === 'read' ? 'shared' : 'exclusive');
      await begin(db, mode);
      const result = await work({
        db,
        copyOut: (statement) => client.query(new CopyOut(statement)),
        copyIn: (statement) => client.query(new CopyIn(statement)),
      });
      await sql`commit`.execute(db);
      return result;
    } finally {
      signal?.removeEventListener('abort', stop);
      client.release(true);
    }
  } finally {
    await pool.end();
  }
}

async function begin(db: Db, mode: 'read' | 'write'): Promise<void> {
  const kind = mode === 'read' ? 'isolation level repeatable read read only' : '';
  await sql`begin ${sql.raw(kind)}`.execute(db);
  await sql`
    select set_config(name, '0', true) from pg_settings where name = any (${LIMITS})`.execute(db);
  for (const [name, value] of Object.entries(FORMATS)) {
    await sql`select set_config(${name}, ${value}, true)`.execute(db);
  }
}

/** Statements on this one connection. */
function dbOf(client: pg.PoolClient): Db {
  const lent = {
    query: client.query.bind(client),
    release() {},
  } as pg.PoolClient;
  const pool = { connect: async () => lent, end: async () => {}, options: {} };
  return new Kysely<DB>({ dialect: new PostgresDialect({ pool }) });
}
