import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';

import { BoundedPool } from './bounded-pool.ts';
import { dropReadOnlySessions, requirePrimary } from './read-only-sessions.ts';
import type { DB } from './schema.gen.ts';

/** The pool or a transaction: a store function cannot tell. */
export type Db = Kysely<DB>;

/** What the pool needs to reach PostgreSQL. Plain data: it can be sent to a worker. */
export type DatabaseAddress =
  | { connectionString: string }
  | { host: string; port: number; user: string; database: string };

export interface ConnectOptions {
  poolSize: number;
  statementTimeoutMs: number;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  /** Connections that broke while idle are reported here; the pool replaces them. */
  onIdleError?: (error: Error) => void;
  /** How many may wait for a connection, or to be looked up; what comes above is refused. Any number if left out. */
  maxWaiting?: number;
}

// Ids and sizes stay far below 2^53, so they are numbers.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

/** Opens a pool. `destroy()` closes it. */
export function connect(address: DatabaseAddress, options: ConnectOptions): Db {
  const pool = openPool(address, {
    ...options,
    settings: { idle_in_transaction_session_timeout: '30s' },
  });
  return new Kysely<DB>({ dialect: new PostgresDialect({ pool }) });
}

type Settings = Record<string, string>;

interface PoolOptions extends ConnectOptions {
  /** PostgreSQL settings of every connection. */
  settings: Settings;
}

export function openPool(address: DatabaseAddress, options: PoolOptions): pg.Pool {
  const settings = { ...options.settings, statement_timeout: `${options.statementTimeoutMs}` };
  const pool = new BoundedPool({
    maxWaiting: options.maxWaiting ?? Infinity,
    ...withSettings(address, settings),
    max: options.poolSize,
    application_name: options.applicationName,
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 10_000,
    keepAlive: true, // a firewall forgets who is silent while a long statement runs
    // The embedded one is no standby.
    ...('connectionString' in address ? { verify: requirePrimary } : {}),
  });
  dropReadOnlySessions(pool);
  // A connection that breaks in a statement fails the statement; unheard, its event would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  pool.on('error', (error) => {
    // At the end PostgreSQL may close a connection before we do.
    if (!pool.ending) options.onIdleError?.(error);
  });
  return pool;
}

/** Our settings win over those of a URL, which may say the rest: options of its own, an application_name, ssl. */
function withSettings(address: DatabaseAddress, settings: Settings): pg.PoolConfig {
  const pairs = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
  if (!('connectionString' in address)) return { ...address, options: pairs.join(' ') };
  // For pg a parameter of the URL wins over one beside it, and for PostgreSQL over the options.
  const [, place, query = ''] = /^([^?#]*)(?:\?([^#]*))?/.exec(address.connectionString)!;
  const isOurs = (parameter: string) => Object.hasOwn(settings, parameter.split('=', 1)[0]!);
  const given = query.split('&').filter((parameter) => !isOurs(parameter));
  const theirs = given.findLast((parameter) => parameter.startsWith('options=')) ?? 'options=';
  const all = [...given, [theirs, ...pairs].join(' ').replaceAll(' ', '+')];
  return { connectionString: `${place}?${all.join('&')}` };
}
