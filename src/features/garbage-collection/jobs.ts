import type { PeriodicJob } from '../../platform/jobs/periodic.ts';
import { findReclaimable } from '../artifacts/index.ts';
import { collectGarbage } from './collect.ts';
import { listHolds } from './store.ts';

/** The collector and the reaper. */
export const garbageCollection: PeriodicJob = {
  name: 'garbage collection',
  everySeconds: ({ gc }) => gc.interval_seconds,

  async run(platform, signal) {
    const { db, config, log, metrics } = platform;
    const round = await collectGarbage(platform, signal);
    metrics.gcFreed.inc(round.removed_bytes);
    const left = await findReclaimable(db, config.gc.grace_seconds);
    metrics.gcReclaimable.set(left.bytes);
    metrics.gcWaiting.set(left.waiting_bytes);
    metrics.gcOldest.set(left.oldest_candidate_seconds ?? 0);
    const holds = await listHolds(db);
    metrics.gcHeldSince.reset();
    for (const { name, since } of holds) {
      metrics.gcHeldSince.set({ hold: name }, since.getTime() / 1000);
    }
    if (holds.length > 0) log.info({ holds }, 'garbage collection held');
    if (Object.values(round).some((figure) => figure > 0)) log.info(round, 'garbage collected');
  },
};
