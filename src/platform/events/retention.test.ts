import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { sql } from 'kysely';

import { startApp } from '../../../test/harness.ts';
import { dispatchEvents, emit } from './store.ts';
import { eventRetention } from './retention.ts';

const signal = new AbortController().signal;

/** Events of the months before this one, the oldest first. */
async function start(t: TestContext, retentionDays: number) {
  const { platform } = await startApp(t, {
    config: (values) => (values.audit.retention_days = retentionDays),
  });
  const { db } = platform;
  for (const months of [26, 14, 12, 1, 0]) {
    const time = sql`now() - make_interval(months => ${months})`;
    await sql`select ensure_event_partition(${time})`.execute(db);
    await sql`insert into event (seq, type, subject, actor, client, operation, resource_type, resource, occurred_at,
        recorded_at)
      values (${100 - months}, 'project.updated', '{}', 'ann', '', 'update', 'project', '', ${time}, ${time})`.execute(
      db,
    );
  }
  await sql`update event_dispatcher set last_seq = 100`.execute(db);
  return {
    platform,
    db,
    async list(query = sql`select 100 - seq as value from event where seq <= 100 order by seq`) {
      const { rows } = await sql<{ value: unknown }>`${query}`.execute(db);
      return rows.map(({ value }) => value);
    },
  };
}

test('months that have been over for the time are removed, and the log says so', async (t) => {
  const { platform, db, list } = await start(t, 365);

  await eventRetention.run(platform, signal);
  await Promise.all([eventRetention.run(platform, signal), eventRetention.run(platform, signal)]);
  await dispatchEvents(db, 100);

  const left = await list();
  assert.deepEqual(left.slice(-2), [1, 0]);
  assert.ok(!left.includes(26) && !left.includes(14));
  const told = await list(
    sql`select resource as value from event where type = 'audit_log.purged' order by seq`,
  );
  assert.equal(told.length, 2);
  assert.match(String(told[0]), /^\d{4}-\d{2}$/);
  const oldest = (await platform.metrics.eventOldest.get()).values[0]!.value;
  assert.ok(oldest > 364 * 86_400 && oldest < 400 * 86_400, String(oldest));
});

test('without a time everything is kept', async (t) => {
  const { platform, list } = await start(t, 0);

  await eventRetention.run(platform, signal);

  assert.deepEqual(await list(), [26, 14, 12, 1, 0]);
});

test('the next month is there before it begins', async (t) => {
  const { platform, list } = await start(t, 365);

  await eventRetention.run(platform, signal);

  const [name] = await list(
    sql`select to_regclass('event_' || to_char((now() + interval '1 month') at time zone 'UTC', 'YYYY_MM'))::text as value`,
  );
  assert.match(String(name), /^event_/);
});

test('a month that somebody reads is not waited for: nobody else is kept waiting', async (t) => {
  const { platform, db, list } = await start(t, 365);
  const reader = await db.startTransaction().execute();
  await sql`select count(*) from event`.execute(reader);

  await assert.rejects(async () => eventRetention.run(platform, signal), /lock timeout/);
  await emit(db, { type: 'project.updated', subject: {}, actor: 'ann', client: '' });
  await reader.commit().execute();
  await eventRetention.run(platform, signal);

  assert.ok(!(await list()).includes(26));
});
