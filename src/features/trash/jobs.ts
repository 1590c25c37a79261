import type { PeriodicJob } from '../../platform/jobs/periodic.ts';
import { emptyTrash } from './purge.ts';
import { findTrashFigures } from './store.ts';

export const trashPurge: PeriodicJob = {
  name: 'trash purge',
  everySeconds: ({ gc }) => gc.interval_seconds,

  async run({ db, config, log }, signal) {
    const purge = await emptyTrash(db, config.trash.days, signal);
    if (Object.values(purge).some((figure) => figure > 0)) log.info(purge, 'trash purged');
  },
};

/** Rarely: it looks at all that is in the trash. */
export const trashFigures: PeriodicJob = {
  name: 'trash figures',
  everySeconds: () => 600,

  async run({ db, metrics }) {
    const { items, bytes, oldest_seconds } = await findTrashFigures(db);
    metrics.trashItems.set(items);
    metrics.trashBytes.set(bytes);
    metrics.trashOldest.set(oldest_seconds);
  },
};
