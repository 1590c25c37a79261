export { memberRoutes } from './member-routes.ts';
export { projectRoutes } from './project-routes.ts';
export { isProjectName } from './schema.ts';
export { lockProject, removeEmptyProjects, restoreProject } from './store.ts';
