import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';

import { sql } from 'kysely';

import { createDatabase, open } from '../../../../test/harness/database.ts';
import { lockMigrations } from '../migrate.ts';
import { inLongTransaction } from './index.ts';

async function start(t: TestContext) {
  const address = await createDatabase(t, { isEmpty: true });
  const db = open(address, 2);
  t.after(() => db.destroy());
  return { address, db };
}

test('no limit of the database or its user ends it', async (t) => {
  const { address, db } = await start(t);
  for (const limit of [
    'statement_timeout',
    'transaction_timeout',
    'idle_in_transaction_session_timeout',
    'lock_timeout',
  ]) {
    const name = sql.raw(limit);
    await sql`alter database ${sql.id(address.database)} set ${name} = '300ms'`.execute(db);
  }

  const shown = await inLongTransaction(address, { mode: 'read' }, async (transaction) => {
    await sql`select pg_sleep(0.5)`.execute(transaction.db);
    await sleep(500);
    return sql<{
      text: string;
    }>`select '2001-02-03 04:05:06+07'::timestamptz::text as text`.execute(transaction.db);
  });

  assert.deepEqual(shown.rows, [{ text: '2001-02-02 21:05:06+00' }]);
});

test('reading, it sees one moment and can change nothing', async (t) => {
  const { address, db } = await start(t);
  await sql`create table t (i int)`.execute(db);

  await inLongTransaction(address, { mode: 'read' }, async (transaction) => {
    await sql`insert into t values (1)`.execute(db);
    const { rows } = await sql`select * from t`.execute(transaction.db);
    assert.deepEqual(rows, []);
  });
  await assert.rejects(
    inLongTransaction(address, { mode: 'read' }, (transaction) =>
      sql`insert into t values (2)`.execute(transaction.db),
    ),
    /read-only/,
  );
});

test('a migration waits for it, and it for a migration', async (t) => {
  const { address, db } = await start(t);
  const order: string[] = [];
  const migrate = () =>
    db.connection().execute(async (connection) => {
      await lockMigrations(connection, 'exclusive');
      order.push('migration');
      await sql`select pg_advisory_unlock_all()`.execute(connection);
    });
  let migrating: Promise<void> | undefined;

  await inLongTransaction(address, { mode: 'read' }, async () => {
    migrating = migrate();
    const isWaiting = async () =>
      (
        await sql`select from pg_locks where not granted and locktype = 'advisory' and database =
        (select oid from pg_database where datname = current_database())`.execute(db)
      ).rows.length > 0;
    while (!(await isWaiting())) assert.deepEqual(order, []);
    order.push('reader');
  });
  await migrating;
  assert.deepEqual(order, ['reader', 'migration']);
});

test('it is given up at once, whatever PostgreSQL does', async (t) => {
  const { address, db } = await start(t);
  const stopping = new AbortController();
  const { signal } = stopping;

  await assert.rejects(
    inLongTransaction(address, { mode: 'write', signal }, async (transaction) => {
      await sql`create table t (i int)`.execute(transaction.db);
      const sleeping = sql`select pg_sleep(100000)`.execute(transaction.db);
      const isAsleep = async () =>
        (
          await sql`select from pg_stat_activity where wait_event = 'PgSleep'
          and datname = current_database()`.execute(db)
        ).rows.length > 0;
      while (!(await isAsleep()));
      stopping.abort();
      await sleeping;
    }),
    /terminated/,
  );

  const { rows } = await sql`select to_regclass('t') as t`.execute(db);
  assert.deepEqual(rows, [{ t: null }]);
});
