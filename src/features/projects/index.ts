export { memberRoutes } from './member-routes.ts';
export { projectRoutes } from './project-routes.ts';
export { showProject } from './reply.ts';
export { isProjectName, ProjectReply } from './schema.ts';
export { searchProjects } from './store/projects.ts';
export { lockProject, removeEmptyProjects, restoreProject } from './store/trash.ts';
export { metadataRoutes } from './metadata-routes.ts';
export { allowlistRoutes } from './allowlist-routes.ts';
export { summaryRoutes } from './summary-routes.ts';
