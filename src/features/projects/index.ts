export { memberRoutes } from './member-routes.ts';
export { projectRoutes } from './project-routes.ts';
