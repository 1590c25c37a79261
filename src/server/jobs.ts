import { repositoryCounting } from '../features/artifacts/index.ts';
import { garbageCollection } from '../features/garbage-collection/index.ts';
import { quotaWarnings } from '../features/quotas/index.ts';
import { watchDisks } from '../features/system/index.ts';
import { trashPurge } from '../features/trash/index.ts';
import { dispatching } from '../platform/events/index.ts';
import type { PeriodicJob } from '../platform/jobs/periodic.ts';

/** What every node does by itself. */
export const periodicJobs: readonly PeriodicJob[] = [
  dispatching,
  repositoryCounting,
  garbageCollection,
  trashPurge,
  quotaWarnings,
  watchDisks(),
];
