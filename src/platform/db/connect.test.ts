import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { sql } from 'kysely';

import { createDatabase } from '../../../test/harness/database.ts';
import { connect, openPool } from './connect.ts';

async function urlOf(t: TestContext, query: string): Promise<string> {
  const { host, port, user, database } = await createDatabase(t, { isEmpty: true });
  return `postgres://${user}@/${database}?host=${encodeURIComponent(host)}&port=${port}${query}`;
}

const options = { poolSize: 1, statementTimeoutMs: 12_000, applicationName: 'ours' };

/** The settings of a connection to this URL. */
async function settingsWith(t: TestContext, query: string): Promise<Record<string, string>> {
  const db = connect({ connectionString: await urlOf(t, query) }, options);
  t.after(() => db.destroy());
  const { rows } = await sql<{ name: string; setting: string }>`
    select name, setting from pg_settings`.execute(db);
  return Object.fromEntries(rows.map(({ name, setting }) => [name, setting]));
}

const URLS = [
  ['nothing', ''],
  ['parameters', '&statement_timeout=0&idle_in_transaction_session_timeout=0'],
  ['options', '&options=-c%20statement_timeout%3D0%20-c%20idle_in_transaction_session_timeout%3D0'],
  ['the same with plus signs', '&options=-c+statement_timeout=0&application_name=a+b'],
] as const;

for (const [what, query] of URLS) {
  test(`our time limits hold whatever the URL of the database says: ${what}`, async (t) => {
    const settings = await settingsWith(t, query);

    assert.equal(settings['statement_timeout'], '12000');
    assert.equal(settings['idle_in_transaction_session_timeout'], '30000');
  });
}

test('what else the URL says holds: options, a name, ssl', async (t) => {
  const settings = await settingsWith(
    t,
    '&options=-c%20work_mem%3D7MB%20--lock_timeout=5s&application_name=theirs&sslmode=disable',
  );

  assert.equal(settings['work_mem'], '7168');
  assert.equal(settings['lock_timeout'], '5000');
  assert.equal(settings['application_name'], 'theirs');
  assert.equal(settings['statement_timeout'], '12000');
});

test('ssl that the URL wants is asked for', async (t) => {
  const db = connect({ connectionString: await urlOf(t, '&sslmode=require') }, options);
  t.after(() => db.destroy());

  await assert.rejects(sql`select 1`.execute(db), /does not support SSL/);
});

test("a pool's own settings win over the options of the URL", async (t) => {
  const pool = openPool(
    { connectionString: await urlOf(t, '&options=-c%20enable_seqscan%3Don') },
    { ...options, settings: { enable_seqscan: 'off' } },
  );
  t.after(() => pool.end());

  const { rows } = await pool.query('show enable_seqscan');

  assert.deepEqual(rows, [{ enable_seqscan: 'off' }]);
});

test('a connection that PostgreSQL ends while the pool is closed is no loss, before that it is one', async (t) => {
  const lost: string[] = [];
  const address = { connectionString: await urlOf(t, '') };
  const onIdleError = ({ message }: Error) => void lost.push(message);
  const pool = openPool(address, { ...options, settings: {}, onIdleError });
  const connected = async () => {
    const client = await pool.connect();
    client.release();
    return client;
  };

  const first = await connected();
  first.emit('error', new Error('while it is open'));
  const second = await connected();
  const ended = pool.end();
  second.emit('error', new Error('while it is closed'));
  await ended;

  assert.deepEqual(lost, ['while it is open']);
});
