import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { sql } from 'kysely';

import { createDatabase, open } from '../../../test/harness/database.ts';
import { connect, type Db } from './connect.ts';
import { isDatabaseUnavailable } from './errors.ts';

/** A pool of one connection, by URL, and another one of whoever looks after PostgreSQL. */
async function openBoth(t: TestContext) {
  const address = await createDatabase(t);
  const { host, port, user, database } = address;
  const connectionString = `postgres://${user}@/${database}?host=${encodeURIComponent(host)}&port=${port}`;
  const options = { poolSize: 1, statementTimeoutMs: 30_000, applicationName: 'ours' };
  const db = connect({ connectionString }, options);
  const keeper = open(address, 1);
  t.after(() => Promise.all([db.destroy(), keeper.destroy()]));
  const alter = (setting: string) =>
    sql.raw(`alter database ${database} ${setting}`).execute(keeper);
  return { db, keeper, alter };
}

const write = (db: Db) => sql`update project set updated_at = now()`.execute(db);

for (const [how, attempt] of [
  ['a statement', write],
  ['a transaction', (db: Db) => db.transaction().execute(write)],
] as const) {
  test(`a session that may only read is not used again, after ${how} failed in it`, async (t) => {
    const { db, alter } = await openBoth(t);
    await alter('set default_transaction_read_only = on');
    await sql`select 1`.execute(db);
    await alter('reset default_transaction_read_only');

    const refused = await attempt(db).catch((error: unknown) => error);
    await attempt(db);

    assert.ok(isDatabaseUnavailable(refused), String(refused));
  });
}

test('a standby is not used, neither to read nor to write, until it is the primary', async (t) => {
  const { db, keeper, alter } = await openBoth(t);
  // Stands before PostgreSQL's own of that name.
  await sql`create schema standby`.execute(keeper);
  await sql`create function standby.pg_is_in_recovery() returns boolean language sql as 'select true'`.execute(
    keeper,
  );
  await alter('set search_path = standby, pg_catalog, public');

  const refused = await sql`select 1`.execute(db).catch((error: unknown) => error);
  await alter('reset search_path');
  const { rows } = await sql`select 1 as one`.execute(db);

  assert.ok(isDatabaseUnavailable(refused), String(refused));
  assert.match(String(refused), /PostgreSQL is a standby here/);
  assert.deepEqual(rows, [{ one: 1 }]);
});
