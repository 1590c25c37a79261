import { setTimeout } from 'node:timers/promises';

import { sql } from 'kysely';

import { describeError } from '../../lib/describe-error.ts';
import type { Log } from '../log/index.ts';
import type { Db } from './connect.ts';
import { isDatabaseUnavailable } from './errors.ts';

const PAUSE_MS = 1000;

export interface WaitOptions {
  log: Log;
  timeoutMs: number;
  signal: AbortSignal;
}

/** Waits for a database that starts at the same time as we do. What waiting can't mend is thrown at once. */
export async function waitForDatabase(db: Db, { log, timeoutMs, signal }: WaitOptions) {
  const until = performance.now() + timeoutMs;
  for (;;) {
    try {
      await sql`select 1`.execute(db);
      return;
    } catch (cause) {
      const reason = describeError(cause);
      if (!isDatabaseUnavailable(cause)) {
        throw new Error(`the database of DATABASE_URL cannot be used: ${reason}`, { cause });
      }
      if (performance.now() + PAUSE_MS > until) {
        throw new Error(
          `the database of DATABASE_URL is not reached after ${timeoutMs / 1000} s: ${reason}`,
          { cause },
        );
      }
      log.warn({ reason }, 'database not reached, trying again');
    }
    await setTimeout(PAUSE_MS, undefined, { signal });
  }
}
