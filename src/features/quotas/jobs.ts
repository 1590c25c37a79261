import type { PeriodicJob } from '../../platform/jobs/periodic.ts';
import { warnOfFullProjects } from './store.ts';

export const quotaWarnings: PeriodicJob = {
  name: 'quota warnings',
  everySeconds: () => 10,

  async run({ db, log }) {
    const projects = await warnOfFullProjects(db, { actor: 'system:quotas', client: '' });
    if (projects > 0) log.info({ projects }, 'projects nearly full');
  },
};
