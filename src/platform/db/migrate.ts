import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { sql } from 'kysely';

import type { Db } from './connect.ts';

export interface Migration {
  name: string;
  sql: string;
  checksum: string;
}

/** The database can't be used with this program. The message says why and what to do. */
export class MigrationError extends Error {}

const FOLDER = fileURLToPath(new URL('../../../migrations', import.meta.url));
const OLDEST_POSTGRES = 160_000;
/** Any fixed number: the lock that two nodes starting together wait for. */
const LOCK = 7_623_001;

export function listMigrations(folder = FOLDER): Migration[] {
  return readdirSync(folder)
    .filter((file) => /^\d{4}-[a-z0-9-]+\.sql$/.test(file))
    .sort()
    .map((file) => {
      const text = readFileSync(`${folder}/${file}`, 'utf8');
      return {
        name: file.slice(0, -'.sql'.length),
        sql: text,
        checksum: createHash('sha256').update(text).digest('hex'),
      };
    });
}

/**
 * Brings the database to this program's version, each migration in a transaction of its own, and answers
 * the names of those it ran. Two nodes may call it at once: one waits for the other.
 */
export async function migrate(db: Db, migrations = listMigrations()): Promise<string[]> {
  return db.connection().execute(async (connection) => {
    await requireSupportedPostgres(connection);
    await sql`set statement_timeout = 0`.execute(connection);
    await lockMigrations(connection, 'exclusive');
    try {
      return await runMissing(connection, migrations);
    } finally {
      await sql`reset statement_timeout`.execute(connection);
      await sql`select pg_advisory_unlock(${sql.lit(LOCK)})`.execute(connection);
    }
  });
}

/** Keeps migrations off until this connection ends; `shared` with others who only want that. */
export async function lockMigrations(connection: Db, mode: 'shared' | 'exclusive'): Promise<void> {
  const take = sql.raw(mode === 'shared' ? 'pg_advisory_lock_shared' : 'pg_advisory_lock');
  await sql`select ${take}(${sql.lit(LOCK)})`.execute(connection);
}

export async function requireSupportedPostgres(db: Db): Promise<void> {
  const { rows } =
    await sql<ServerProperties>`select current_setting('server_version_num')::int as version, current_setting('server_encoding') as encoding, current_setting('synchronous_commit') as synchronous_commit`.execute(
      db,
    );
  requireSupportedServer(rows[0]!);
}

interface ServerProperties {
  /** Such as 160004. */
  version: number;
  encoding: string;
  synchronous_commit: string;
}

export function requireSupportedServer({
  version,
  encoding,
  synchronous_commit,
}: ServerProperties): void {
  if (version < OLDEST_POSTGRES) {
    const major = Math.floor(version / 10_000);
    throw new MigrationError(`PostgreSQL ${major} is too old: roadstead needs 16 or newer`);
  }
  if (encoding !== 'UTF8') {
    throw new MigrationError(
      `the database has the encoding ${encoding}; create it with: create database … encoding 'UTF8' template template0`,
    );
  }
  if (synchronous_commit === 'off') {
    throw new MigrationError(
      'the database has synchronous_commit off, so a push that was acknowledged could be lost; switch it on for the database, its user and DATABASE_URL',
    );
  }
}

async function runMissing(db: Db, migrations: Migration[]): Promise<string[]> {
  await createMigrationTable(db);
  const applied = await listApplied(db);
  requireKnown(migrations, applied);
  const missing = migrations.slice(applied.length);
  for (const migration of missing) {
    await db.transaction().execute((tx) => runMigration(tx, migration));
  }
  return missing.map(({ name }) => name);
}

export async function createMigrationTable(db: Db): Promise<void> {
  await sql`create table if not exists migration (
    name text collate "C" primary key, checksum text not null, applied_at timestamptz not null default now()
  )`.execute(db);
}

export type AppliedMigration = Pick<Migration, 'name' | 'checksum'>;

export async function listApplied(db: Db): Promise<AppliedMigration[]> {
  const { rows } =
    await sql<AppliedMigration>`select name, checksum from migration order by name`.execute(db);
  return rows;
}

/** In the caller's transaction. */
export async function runMigration(tx: Db, { name, checksum, sql: text }: Migration) {
  await sql.raw(text).execute(tx);
  await sql`insert into migration (name, checksum) values (${name}, ${checksum})`.execute(tx);
}

/** Refuses what this program's migrations did not make. */
export function requireKnown(migrations: Migration[], applied: AppliedMigration[]): void {
  for (const [index, { name, checksum }] of applied.entries()) {
    const known = migrations[index];
    if (known === undefined) {
      throw new MigrationError(
        `the database is newer than this program: it has the migration ${name}. Start a version of roadstead that knows it, or restore a backup made by this version`,
      );
    }
    if (known.name !== name) {
      throw new MigrationError(
        `the database has the migration ${name} where this program has ${known.name}: they are of different versions of roadstead`,
      );
    }
    if (known.checksum !== checksum) {
      throw new MigrationError(
        `the migration ${name} was changed after it ran on this database: one of the two is from between two versions. Start the version that made the database, or begin with an empty one`,
      );
    }
  }
}
