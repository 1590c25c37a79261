import { sql } from 'kysely';

import type { Db } from '../../platform/db/connect.ts';

/** Throws when PostgreSQL does not answer. */
export async function askDatabase(db: Db): Promise<true> {
  await sql`select 1`.execute(db);
  return true;
}
