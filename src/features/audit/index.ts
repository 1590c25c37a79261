export { auditExportRoutes } from './export-routes.ts';
export { auditForwarding } from './forwarding.ts';
export { auditRoutes } from './routes.ts';
