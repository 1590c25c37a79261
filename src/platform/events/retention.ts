import type { PeriodicJob } from '../jobs/periodic.ts';
import { dropOldEvents, findOldestEventAge, prepareEvents } from './store.ts';

/** Makes room for the next month, and removes months whose time is over: whole partitions, whatever is in them. */
export const eventRetention: PeriodicJob = {
  name: 'event retention',
  everySeconds: () => 3600,

  async run({ db, config, log, metrics }) {
    await prepareEvents(db);
    const { retention_days } = config.audit;
    const months = retention_days === 0 ? [] : await dropOldEvents(db, retention_days);
    if (months.length > 0) log.info({ months }, 'old events removed');
    metrics.eventOldest.set(await findOldestEventAge(db));
  },
};
