export { memberRoutes } from './member-routes.ts';
export { projectRoutes } from './project-routes.ts';
export { isProjectName } from './schema.ts';
export { lockProject, removeEmptyProjects, restoreProject } from './store/trash.ts';
export { metadataRoutes } from './metadata-routes.ts';
export { allowlistRoutes } from './allowlist-routes.ts';
export { summaryRoutes } from './summary-routes.ts';
