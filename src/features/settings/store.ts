import { sql } from 'kysely';

import type { BatchedStatement } from '../../platform/db/batched-query.ts';
import type { Db } from '../../platform/db/connect.ts';
import type { Lookups } from '../../platform/db/lookups.ts';

type Values = Record<string, unknown>;

const FIND_SETTINGS: BatchedStatement<true> = {
  name: 'settings',
  text: `select wanted.position::int as position,
      coalesce((select jsonb_object_agg(s.name, s.value) from setting s where s.value is not null), '{}') as values
    from unnest($1::boolean[]) with ordinality as wanted (any_key, position)`,
  toColumns: (keys) => [keys],
};

/** What was set, secrets excepted. */
export async function findValues(lookups: Lookups): Promise<Values> {
  const row = await lookups.batch<true, { values: Values }>(FIND_SETTINGS)(true);
  return row!.values;
}

export interface StoredSetting {
  name: string;
  value: unknown;
  /** A secret, instead of a value. */
  sealed: Buffer | null;
}

/** All that was set. Whoever else wants to change it waits until the transaction ends. */
export async function lockSettings(tx: Db): Promise<StoredSetting[]> {
  await sql`lock table setting in share row exclusive mode`.execute(tx);
  return tx.selectFrom('setting').select(['name', 'value', 'sealed']).execute();
}

export async function upsertSettings(tx: Db, settings: StoredSetting[]): Promise<void> {
  const rows = settings.map(({ name, value, sealed }) => ({
    name,
    value: sealed === null ? sql`${JSON.stringify(value)}::jsonb` : null,
    sealed,
  }));
  await tx
    .insertInto('setting')
    .values(rows)
    .onConflict((conflict) =>
      conflict.column('name').doUpdateSet(({ ref }) => ({
        value: ref('excluded.value'),
        sealed: ref('excluded.sealed'),
        updated_at: sql`now()`,
      })),
    )
    .execute();
}

/** Whether there is anybody but the built-in administrator. */
export async function hasUsers(db: Db): Promise<boolean> {
  const row = await db
    .selectFrom('user_account')
    .select('id')
    .where('deleted_at', 'is', null)
    .where('id', '<>', 1)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}
