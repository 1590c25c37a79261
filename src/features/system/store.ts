import { sql } from 'kysely';

import type { Db } from '../../platform/db/connect.ts';

/** Whether PostgreSQL answers within the time. */
export async function isDatabaseHealthy(db: Db, timeoutMs: number): Promise<boolean> {
  const answer = sql`select 1`.execute(db).then(
    () => true,
    () => false,
  );
  const { promise: tooLate, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), timeoutMs);
  try {
    return await Promise.race([answer, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
