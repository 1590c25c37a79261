import type { PeriodicJob } from '../../platform/jobs/periodic.ts';
import { countChangedProjects, countChangedRepositories } from './store/repository-overview.ts';

/** Changes that one transaction looks at. */
const BATCH = 1000;

/** Keeps the numbers that repositories and projects are listed with: pushes only say that there is something to count. */
export const repositoryCounting: PeriodicJob = {
  name: 'repository counting',
  everySeconds: () => 1,

  async run({ db }, signal) {
    while (!signal.aborted && (await countChangedProjects(db, BATCH)) === BATCH);
    while (!signal.aborted && (await countChangedRepositories(db, BATCH)) === BATCH);
  },
};
