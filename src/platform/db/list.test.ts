import assert from 'node:assert/strict';
import { test } from 'node:test';

import { sql } from 'kysely';

import { createDatabase, open } from '../../../test/harness/database.ts';
import { Refusal } from '../../lib/errors.ts';
import { parseConditions, parseSort } from '../../lib/list-query.ts';
import {
  booleanColumn,
  integerColumn,
  meets,
  orderBy,
  textColumn,
  timeColumn,
  type ListFields,
} from './list.ts';

const FIELDS: ListFields = {
  id: integerColumn('id'),
  name: textColumn('name'),
  public: booleanColumn('is_public'),
  creationtime: timeColumn('created_at'),
  long: (condition) =>
    sql`length(name) > ${condition.is === 'equal' ? Number(condition.value) : 0}`,
};

const FILTERS: [q: string, ids: number[]][] = [
  ['name=Beta', [2]],
  ['name=~ET', [2]],
  ['name=~%', [4]],
  ['id=[2~3]', [2, 3]],
  ['id=[3~]', [3, 4]],
  ['id={1 4}', [1, 4]],
  ['name=(Beta)', [2]],
  ['name=(Beta alpha)', []],
  ['public=true', [1]],
  ['creation_time=[2026-01-02~2026-01-03T00:00:00]', [2, 3]],
  ['creation_time=[2026-01-02 00:00:01~]', [3, 4]],
  ['creation_time=2026-01-02T01:00:00+01:00', [2]],
  ['long=4', [1, 3]],
  ['nobodyknows=1,name=~a,id=[2~]', [2, 3]],
  ['__proto__=1,constructor=~a', [1, 2, 3, 4]],
];

const ORDERS: [sort: string, ids: number[]][] = [
  ['', [1, 2, 3, 4]],
  ['name', [4, 2, 1, 3]],
  ['-name', [3, 1, 2, 4]],
  ['public,-id', [4, 3, 2, 1]],
  ['nobodyknows,-id', [4, 3, 2, 1]],
  ['long', [1, 2, 3, 4]],
];

const WRONG = [
  'id=one',
  'id=[1~x]',
  'public=maybe',
  'creation_time=yesterday',
  'creation_time=2026-13-01',
  'creation_time=[2026-02-30~]',
  'creation_time=0000-01-01',
  'creation_time=2026-01-01T00:00:00+23:00',
];

test('lists are filtered and sorted by the fields they have', async (t) => {
  const db = open(await createDatabase(t, { isEmpty: true }));
  t.after(() => db.destroy());
  await sql`create table thing (id bigint, name text collate "C", is_public boolean, created_at timestamptz)`.execute(
    db,
  );
  await sql`insert into thing values (1, 'alpha', true, '2026-01-01Z'), (2, 'Beta', false, '2026-01-02Z'),
    (3, 'gamma', false, '2026-01-03Z'), (4, '5%', false, '2026-01-04Z')`.execute(db);

  for (const [q, ids] of FILTERS) {
    const where = meets(FIELDS, parseConditions(q));
    const { rows } = await sql<{
      id: string;
    }>`select id from thing where ${where} order by id`.execute(db);
    assert.deepEqual(
      rows.map(({ id }) => Number(id)),
      ids,
      q,
    );
  }
  for (const [sort, ids] of ORDERS) {
    const order = orderBy(FIELDS, parseSort(sort), sql`id`);
    const { rows } = await sql<{ id: string }>`select id from thing order by ${order}`.execute(db);
    assert.deepEqual(
      rows.map(({ id }) => Number(id)),
      ids,
      sort,
    );
  }
});

for (const q of WRONG) {
  test(`a value of the wrong type is refused: ${q}`, () => {
    assert.throws(
      () => meets(FIELDS, parseConditions(q)),
      (error: unknown) => error instanceof Refusal && error.code === 'BAD_REQUEST',
    );
  });
}
