import assert from 'node:assert/strict';
import { test } from 'node:test';

import { sql } from 'kysely';

import { startApp, type TestApp } from '../../../test/harness.ts';
import { listRepositoryNames } from './index.ts';

/** Projects `p1` … that hold so many repositories each; answers the ids by name. */
async function fill({ platform: { db } }: TestApp, projects: number, repositories: number) {
  await sql`insert into project (name, owner_id, is_public)
    select 'p' || n, 1, n % 10 = 0 from generate_series(1, ${projects}::int) n`.execute(db);
  await sql`insert into repository (project_id, name, first_pushed_at)
    select p.id, p.name || '/r' || n, now() from project p, generate_series(1, ${repositories}::int) n
    where p.name like 'p%'`.execute(db);
  await sql`analyze project, repository`.execute(db);
  const rows = await db.selectFrom('project').select(['name', 'id']).execute();
  return new Map(rows.map(({ name, id }) => [name, id]));
}

/** Lists a page, and counts the rows of repositories that were read for it. */
async function listCounting({ platform: { db } }: TestApp, last: string, projectIds: number[]) {
  return db.transaction().execute(async (tx) => {
    const names = await listRepositoryNames(tx, { last, limit: 11, projectIds });
    const { rows } = await sql<{ read: number }>`
      select seq_tup_read + idx_tup_fetch as read from pg_stat_xact_user_tables
      where relname = 'repository'`.execute(tx);
    return { names, read: rows[0]!.read };
  });
}

test('a page of the catalog reads its own repositories, not those before it nor those of others', async (t) => {
  const app = await startApp(t);
  const ids = await fill(app, 200, 20);

  const first = await listCounting(app, '', [ids.get('p155')!]);
  const middle = await listCounting(app, 'p155/r5', [ids.get('p155')!]);
  const between = await listCounting(app, 'p16', [ids.get('p155')!]);

  assert.equal(first.names[0], 'p10/r1');
  assert.deepEqual(
    middle.names.slice(0, 5),
    ['r6', 'r7', 'r8', 'r9'].map((r) => `p155/${r}`).concat('p160/r1'),
  );
  assert.equal(between.names[0], 'p160/r1');
  for (const { names, read } of [first, middle, between]) {
    assert.equal(names.length, 11);
    assert.ok(read <= 40, String(read));
  }
});
