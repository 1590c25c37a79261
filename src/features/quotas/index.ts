export { quotaWarnings } from './jobs.ts';
export { requireRoom, withinQuota } from './refuse.ts';
export { quotaRoutes, toHardBytes } from './routes.ts';
export {
  correctUsage,
  findQuota,
  limitProject,
  listDrifts,
  type Drift,
  type RefusedPush,
} from './store.ts';
