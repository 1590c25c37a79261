export { healthRoutes } from './health-routes.ts';
export { systemInfoRoutes, versionRoutes } from './info-routes.ts';
