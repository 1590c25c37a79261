import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';

import { sql } from 'kysely';

import { createDatabase, open } from '../../../../test/harness/database.ts';
import { inLongTransaction } from './index.ts';

const start = (t: TestContext) => createDatabase(t, { isEmpty: true });

test('what was copied out can be copied in, whatever it is', async (t) => {
  const address = await start(t);
  const rows = sql`select t::text as text from t order by i`;

  await inLongTransaction(address, { mode: 'write' }, async ({ db, copyOut, copyIn }) => {
    await sql`create table t (i int, text text, bytes bytea)`.execute(db);
    await sql`insert into t select i, repeat(chr(i), i) || E'\\t\\n\\\\.\\r', decode(repeat('00ff0d0a', i * 20), 'hex')
      from generate_series(1, 400) i`.execute(db);
    await sql`insert into t values (0, null, null), (1000, '', '')`.execute(db);
    const before = (await rows.execute(db)).rows;
    const out = copyOut('copy t to stdout');
    const all = await buffer(out);
    await sql`truncate t`.execute(db);
    const into = copyIn('copy t from stdin');
    await pipeline(Readable.from([all.subarray(0, 5), all.subarray(5)]), into);

    assert.deepEqual((await rows.execute(db)).rows, before);
    assert.deepEqual([out.rows, into.rows], [402, 402]);
  });
});

test('a reader that is slow holds PostgreSQL up, and the connection is usable after it', async (t) => {
  const address = await start(t);

  await inLongTransaction(address, { mode: 'read' }, async ({ db, copyOut }) => {
    // Where the end comes while the connection is held up, and where it does not.
    for (let kilobytes = 200; kilobytes < 400; kilobytes += 8) {
      const out = copyOut(
        `copy (select repeat('x', 1023) from generate_series(1, ${kilobytes})) to stdout`,
      );
      await once(out, 'readable');
      for (let i = 0; i < 20; i++) await turn();
      const all = await buffer(out);
      await sql`select 1`.execute(db);

      assert.equal(all.byteLength, kilobytes * 1024);
    }
    const endless = copyOut(
      'copy (select from generate_series(1, 10000) a, generate_series(1, 10000) b) to stdout',
    );
    endless.on('error', () => {}); // the end of the connection
    await once(endless, 'readable');
    for (let i = 0; i < 1000; i++) await turn();
    assert.ok(endless.readableLength < 2_000_000, `${endless.readableLength}`);
    throw new Error('enough');
  }).catch((error: unknown) => assert.match(String(error), /enough/));
});

test('an error of either side ends the copy with it, and the transaction', async (t) => {
  const address = await start(t);
  const copy = (text: string) => async (rows: Readable) =>
    inLongTransaction(address, { mode: 'write' }, async ({ db, copyIn }) => {
      await sql`create table t (i int)`.execute(db);
      await pipeline(rows, copyIn(text));
    });
  const failing = Readable.from(
    (function* () {
      yield '1\n';
      throw new Error('the source fails');
    })(),
  );

  await assert.rejects(
    copy('copy t from stdin')(Readable.from(['1\nx\n'])),
    /invalid input syntax/,
  );
  await assert.rejects(copy('copy no_table from stdin')(Readable.from(['1\n'])), /no_table/);
  await assert.rejects(copy('copy t from stdin')(failing), /the source fails/);
  await assert.rejects(
    inLongTransaction(address, { mode: 'read' }, ({ copyOut }) =>
      buffer(copyOut('copy no_table to stdout')),
    ),
    /no_table/,
  );

  const db = open(address, 1);
  t.after(() => db.destroy());
  const { rows } = await sql`select to_regclass('t') as t`.execute(db);
  assert.deepEqual(rows, [{ t: null }]);
});
