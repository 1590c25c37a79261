export { healthRoutes } from './health-routes.ts';
export { systemInfoRoutes, versionRoutes } from './info-routes.ts';
export { searchRoutes } from './search-routes.ts';
export { statisticRoutes } from './statistic-routes.ts';
export { watchDisks } from './jobs.ts';
