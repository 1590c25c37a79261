import type { Db } from '../../platform/db/connect.ts';
import { isUndefinedTable } from '../../platform/db/errors.ts';
import { releaseHold, renewHold, takeHold } from '../garbage-collection/index.ts';

const EXPIRES_SECONDS = 600;
const RENEW_MS = 60_000;

/**
 * Keeps every blob of this moment in the store while `work` lasts. Only one run at a time may use `name`: what is
 * there of a run that was killed is taken over.
 */
export async function holdingCollection<T>(
  db: Db,
  name: string,
  work: () => Promise<T>,
): Promise<T> {
  const take = () =>
    takeHold(db, { name, reason: 'a backup is being made', expiresInSeconds: EXPIRES_SECONDS });
  try {
    await releaseHold(db, name);
  } catch (error) {
    // A version that knows no holds keeps bytes for `gc.hold_seconds`.
    if (isUndefinedTable(error)) return work();
    throw error;
  }
  await take();
  const renew = async () => {
    // It may have ended while the database was away: bytes stay for longer than that.
    if (!(await renewHold(db, { name, expiresInSeconds: EXPIRES_SECONDS }))) await take();
  };
  const timer = setInterval(() => void renew().catch(() => {}), RENEW_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    await releaseHold(db, name).catch(() => {}); // it expires by itself
  }
}
