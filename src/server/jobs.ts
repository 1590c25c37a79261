import { repositoryCounting } from '../features/artifacts/index.ts';
import { auditForwarding } from '../features/audit/index.ts';
import { garbageCollection } from '../features/garbage-collection/index.ts';
import { quotaWarnings } from '../features/quotas/index.ts';
import { watchDisks } from '../features/system/index.ts';
import { trashFigures, trashPurge } from '../features/trash/index.ts';
import { dispatching, eventRetention } from '../platform/events/index.ts';
import type { PeriodicJob } from '../platform/jobs/periodic.ts';

/** What every node does by itself. */
export const periodicJobs: readonly PeriodicJob[] = [
  dispatching,
  eventRetention,
  auditForwarding,
  repositoryCounting,
  garbageCollection,
  trashPurge,
  trashFigures,
  quotaWarnings,
  watchDisks(),
];
