import { sql } from 'kysely';

import type { Db } from '../../../platform/db/connect.ts';
import { retryConflicts } from '../../../platform/db/transaction.ts';

/** How often an artifact was pulled, by one tag or by its digest. */
export interface Pulls {
  manifestId: number;
  tag: string | undefined;
  count: number;
}

/** Adds pulls to the counts and times that are shown. */
export async function addPulls(
  db: Db,
  pulls: Pulls[],
  { withCounts, withTimes }: { withCounts: boolean; withTimes: boolean },
): Promise<void> {
  const statement = sql`select count_pulls(
    ${pulls.map(({ manifestId }) => manifestId)}::bigint[], ${pulls.map(({ tag }) => tag ?? null)}::text[],
    ${pulls.map(({ count }) => count)}::integer[], ${withCounts}, ${withTimes})`;
  await retryConflicts(() => statement.execute(db));
}
