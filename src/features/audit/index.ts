export { auditExportRoutes } from './export-routes.ts';
export { auditRoutes } from './routes.ts';
