import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { sql } from 'kysely';

import { createDatabase, open } from '../../../test/harness/database.ts';
import { temporaryFolder } from '../../../test/harness.ts';
import type { Db } from './connect.ts';
import {
  listMigrations,
  migrate,
  MigrationError,
  requireSupportedServer,
  type Migration,
} from './migrate.ts';

/** Pools on one empty database. */
async function openEmpty(t: TestContext, pools = 1): Promise<Db[]> {
  const address = await createDatabase(t, { isEmpty: true });
  const dbs = Array.from({ length: pools }, () => open(address, 2));
  t.after(() => Promise.all(dbs.map((db) => db.destroy())));
  return dbs;
}

const make = (name: string, text: string): Migration => ({ name, sql: text, checksum: text });
const ONE = make('0001-one', 'create table one (id int)');
const TWO = make('0002-two', 'create table two (id int)');
const THREE = make('0003-three', 'create table three (id int)');

async function listTables(db: Db): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select table_name as name from information_schema.tables where table_schema = 'public' order by 1`.execute(
    db,
  );
  return rows.map(({ name }) => name);
}

test('nodes that start at once on an empty database migrate it once', async (t) => {
  const dbs = await openEmpty(t, 4);

  const ran = await Promise.all(dbs.map((db) => migrate(db)));

  const names = listMigrations().map(({ name }) => name);
  assert.deepEqual(ran.flat().toSorted(), names);
  assert.equal(ran.filter((list) => list.length === 0).length, 3);
});

test('what is missing is run, in order', async (t) => {
  const [db] = (await openEmpty(t)) as [Db];

  const first = await migrate(db, [ONE]);
  const second = await migrate(db, [ONE, TWO, THREE]);
  const third = await migrate(db, [ONE, TWO, THREE]);

  assert.deepEqual(first, ['0001-one']);
  assert.deepEqual(second, ['0002-two', '0003-three']);
  assert.deepEqual(third, []);
  assert.deepEqual(await listTables(db), ['migration', 'one', 'three', 'two']);
});

const REFUSALS: [what: string, program: Migration[], message: RegExp][] = [
  ['a newer database', [ONE], /newer than this program: it has the migration 0002-two/],
  [
    'a changed migration',
    [ONE, { ...TWO, checksum: 'other' }],
    /0002-two was changed after it ran/,
  ],
  ['another migration', [ONE, { ...TWO, name: '0002-zwei' }], /different versions of roadstead/],
];

test('a database that does not fit the program is refused and left as it is', async (t) => {
  const [db] = (await openEmpty(t)) as [Db];
  await migrate(db, [ONE, TWO]);

  for (const [what, program, message] of REFUSALS) {
    const attempt = migrate(db, program);

    await assert.rejects(attempt, (error) => {
      assert.ok(error instanceof MigrationError, what);
      assert.match(error.message, message, what);
      return true;
    });
  }
  assert.deepEqual(await listTables(db), ['migration', 'one', 'two']);
});

test('a migration that fails leaves nothing of itself, and the next try goes on', async (t) => {
  const [db] = (await openEmpty(t)) as [Db];
  const broken = make('0002-two', 'create table two (id int); create table broken (id nonsense)');

  await assert.rejects(migrate(db, [ONE, broken]), /nonsense/);
  const after = await listTables(db);
  const ran = await migrate(db, [ONE, TWO]);

  assert.deepEqual(after, ['migration', 'one']);
  assert.deepEqual(ran, ['0002-two']);
});

test('a role that may only make things in the schema migrates: extensions are made use of, not needed', async (t) => {
  const address = await createDatabase(t, { isEmpty: true });
  const keeper = open(address, 1);
  const role = `limited_${address.database}`;
  await sql`create role ${sql.id(role)} login`.execute(keeper);
  await sql`grant create on schema public to ${sql.id(role)}`.execute(keeper);
  await keeper.destroy();
  const db = open({ ...address, user: role }, 1);
  t.after(async () => {
    await db.destroy();
    const server = open({ ...address, database: 'postgres' }, 1); // the database is gone
    await sql`drop role ${sql.id(role)}`.execute(server);
    await server.destroy();
  });

  const ran = await migrate(db);

  const extensions = await sql`select from pg_extension where extname <> 'plpgsql'`.execute(db);
  assert.equal(ran.length, listMigrations().length);
  assert.equal(extensions.rows.length, 0);
});

test('the time limit of statements holds again after migrating, and not before', async (t) => {
  const [db] = (await openEmpty(t)) as [Db];
  const slow = make('0001-slow', 'set local lock_timeout = 0; select pg_sleep(0.3)');
  await sql`select set_config('statement_timeout', '100', false)`.execute(db);

  const ran = await migrate(db, [slow]);

  assert.deepEqual(ran, ['0001-slow']);
  const { rows } = await sql<{ limit: string }>`
    select current_setting('statement_timeout') as limit`.execute(db);
  assert.notEqual(rows[0]!.limit, '0');
});

test('PostgreSQL must be 16 or newer, its database of UTF-8, and a commit be durable', () => {
  const check =
    (version: number, encoding: string, synchronous_commit = 'on') =>
    () =>
      requireSupportedServer({ version, encoding, synchronous_commit });

  assert.doesNotThrow(check(160_000, 'UTF8'));
  assert.doesNotThrow(check(180_004, 'UTF8'));
  assert.throws(check(150_012, 'UTF8'), /PostgreSQL 15 is too old: roadstead needs 16 or newer/);
  assert.throws(check(90_624, 'UTF8'), /PostgreSQL 9 is too old/);
  assert.doesNotThrow(check(180_004, 'UTF8', 'remote_apply'));
  assert.throws(check(180_004, 'UTF8', 'off'), /synchronous_commit off/);
  assert.throws(check(170_000, 'SQL_ASCII'), /has the encoding SQL_ASCII; create it with/);
});

test('only files named like migrations are migrations, in the order of their numbers', async (t) => {
  const folder = await temporaryFolder(t);
  for (const file of ['0002-b.sql', '0001-a.sql', '0010-c.sql', 'README.md', '0003-x.sql~']) {
    await writeFile(join(folder, file), 'select 1');
  }

  const names = listMigrations(folder).map(({ name }) => name);

  assert.deepEqual(names, ['0001-a', '0002-b', '0010-c']);
});
