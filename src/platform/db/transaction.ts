import type { Db } from './connect.ts';
import { isConflict } from './errors.ts';

const ATTEMPTS = 3;

/** A transaction that is run again when PostgreSQL chose it as the victim of a deadlock: write it to be repeated. */
export function inTransaction<T>(db: Db, work: (tx: Db) => Promise<T>): Promise<T> {
  return retryConflicts(() => db.transaction().execute(work));
}

/** The same for a single statement that is a transaction of its own. */
export async function retryConflicts<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === ATTEMPTS || !isConflict(error)) throw error;
    }
  }
}
