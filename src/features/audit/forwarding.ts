import { setTimeout } from 'node:timers/promises';

import type { Db } from '../../platform/db/connect.ts';
import { isDatabaseUnavailable } from '../../platform/db/errors.ts';
import { sendText } from '../../platform/http/reach.ts';
import type { PeriodicJob } from '../../platform/jobs/periodic.ts';
import { findSettings } from '../settings/index.ts';
import * as store from './store.ts';
import { toSyslogLine } from './to-syslog.ts';

/** Entries of one transaction, and of one connection. */
const BATCH = 500;
/** The pause after the syslog server took nothing. */
const RETRY_MS = 10_000;

/** Sends what is new in the feed to the syslog server of the settings: in order, each at least once. */
export const auditForwarding: PeriodicJob = {
  name: 'audit forwarding',
  everySeconds: () => 1,

  async run({ db, lookups, log, metrics }, signal) {
    const { audit_log_forward_endpoint: endpoint } = await findSettings(lookups);
    const { last_seq, newest } = await store.findCursor(db);
    metrics.auditUnforwarded.set(endpoint === '' ? 0 : newest - last_seq);
    try {
      while (!signal.aborted && (await forwardSome(db, endpoint)) === BATCH);
    } catch (error) {
      if (isDatabaseUnavailable(error)) throw error;
      log.warn({ err: error, endpoint }, 'audit log not forwarded, tried again later');
      await setTimeout(RETRY_MS, undefined, { signal }).catch(() => {});
    }
  },
};

/** Answers how many were looked at. */
async function forwardSome(db: Db, endpoint: string): Promise<number> {
  const known = await store.findCursor(db);
  if (known.endpoint === endpoint && (endpoint === '' || known.last_seq >= known.newest)) return 0;
  return db.transaction().execute(async (tx) => {
    const cursor = await store.lockCursor(tx);
    if (cursor === undefined) return 0; // another node is at it
    if (endpoint === '' || cursor.endpoint === '') {
      // From here on: what came before was not to be forwarded.
      await store.moveCursor(tx, { endpoint, last_seq: cursor.newest });
      return 0;
    }
    const rows = await store.listBehind(tx, cursor.last_seq, BATCH);
    const text = rows
      .filter((row) => row.is_wanted)
      .map(toSyslogLine)
      .join('');
    if (text !== '') await sendText(endpoint, text);
    await store.moveCursor(tx, { endpoint, last_seq: rows.at(-1)?.seq ?? cursor.last_seq });
    return rows.length;
  });
}
