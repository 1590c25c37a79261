import type { Platform } from '../../platform/index.ts';
import { runPeriodically } from '../../platform/jobs/periodic.ts';
import { periodicJobs } from '../jobs.ts';

/** Does what the registry does by itself. It listens on no port. */
export async function doJobs(platform: Platform) {
  const jobs = runPeriodically(periodicJobs, platform);
  return {
    port: undefined,
    addSpending() {},
    async stop() {
      await jobs.stop();
      await Promise.all([platform.db.destroy(), platform.lookups.destroy()]);
    },
  };
}
