import assert from 'node:assert/strict';
import { test } from 'node:test';

import { sql } from 'kysely';

import { createDatabase, open } from '../../../test/harness/database.ts';
import { isDatabaseUnavailable } from './errors.ts';
import { inTransaction } from './transaction.ts';

async function openTable(t: Parameters<typeof createDatabase>[0]) {
  const db = open(await createDatabase(t, { isEmpty: true }));
  t.after(() => db.destroy());
  await sql`create table number (id int primary key, value int not null)`.execute(db);
  await sql`insert into number values (1, 0), (2, 0)`.execute(db);
  return db;
}

test('two transactions that wait for each other both succeed', async (t) => {
  const db = await openTable(t);
  const both = Promise.withResolvers<void>();
  let started = 0;
  const addTo = (first: number, second: number) =>
    inTransaction(db, async (tx) => {
      await sql`update number set value = value + 1 where id = ${first}`.execute(tx);
      if (++started === 2) both.resolve();
      await both.promise;
      await sql`update number set value = value + 1 where id = ${second}`.execute(tx);
    });

  await Promise.all([addTo(1, 2), addTo(2, 1)]);

  const { rows } = await sql<{ value: number }>`select value from number`.execute(db);
  assert.deepEqual(
    rows.map(({ value }) => value),
    [2, 2],
  );
});

/** What a transaction fails with when `trouble` happens after its first statement. */
async function failureOf(
  db: Awaited<ReturnType<typeof openTable>>,
  trouble: (tx: typeof db, pid: number) => Promise<unknown>,
): Promise<unknown> {
  const failing = inTransaction(db, async (tx) => {
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx);
    await trouble(tx, rows[0]!.pid);
    await sql`select 1`.execute(tx);
  });
  return failing.then(
    () => undefined,
    (error: unknown) => error,
  );
}

test('a connection lost between two statements means that the database is not available', async (t) => {
  const db = await openTable(t);

  const failure = await failureOf(db, (_, pid) =>
    sql`select pg_terminate_backend(${pid}), pg_sleep(0.2)`.execute(db),
  );

  assert.ok(isDatabaseUnavailable(failure), String(failure));
});

test('a statement, a lock or a transaction that takes too long means it too', async (t) => {
  const db = await openTable(t);
  const holder = await db.startTransaction().execute();
  await sql`update number set value = 1 where id = 1`.execute(holder);

  const slow = await failureOf(db, async (tx) => {
    await sql`set local statement_timeout = '50ms'`.execute(tx);
    await sql`select pg_sleep(5)`.execute(tx);
  });
  const locked = await failureOf(db, async (tx) => {
    await sql`set local lock_timeout = '50ms'`.execute(tx);
    await sql`update number set value = 2 where id = 1`.execute(tx);
  });
  const idle = await failureOf(db, async (tx) => {
    await sql`set local idle_in_transaction_session_timeout = '50ms'`.execute(tx);
    await sql`select pg_sleep(0.3)`.execute(db);
  });
  await holder.rollback().execute();

  for (const failure of [slow, locked, idle]) {
    assert.ok(isDatabaseUnavailable(failure), String(failure));
  }
});

test('a statement that is refused does not mean it', async (t) => {
  const db = await openTable(t);

  const failure = await failureOf(db, (tx) => sql`insert into number values (1, 1)`.execute(tx));

  assert.equal(isDatabaseUnavailable(failure), false);
});
