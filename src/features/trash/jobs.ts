import type { PeriodicJob } from '../../platform/jobs/periodic.ts';
import { emptyTrash } from './purge.ts';

export const trashPurge: PeriodicJob = {
  name: 'trash purge',
  everySeconds: ({ gc }) => gc.interval_seconds,

  async run({ db, config, log }, signal) {
    const purge = await emptyTrash(db, config.trash.days, signal);
    if (Object.values(purge).some((figure) => figure > 0)) log.info(purge, 'trash purged');
  },
};
