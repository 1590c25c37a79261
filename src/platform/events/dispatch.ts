import type { PeriodicJob } from '../jobs/periodic.ts';
import { dispatchEvents, findEventLag } from './store.ts';

/** Events of one transaction. */
const BATCH = 1000;

/** Gives committed events their place in the feed, soon after the commit. */
export const dispatching: PeriodicJob = {
  name: 'event dispatch',
  everySeconds: () => 0.25,

  async run({ db, metrics }, signal) {
    metrics.eventLag.set(await findEventLag(db));
    while (!signal.aborted && (await dispatchEvents(db, BATCH)) === BATCH);
  },
};
