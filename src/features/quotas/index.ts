export { quotaWarnings } from './jobs.ts';
export { requireRoom, withinQuota } from './refuse.ts';
export { quotaRoutes } from './routes.ts';
export { correctUsage, listDrifts, type Drift, type RefusedPush } from './store.ts';
