export { trashFigures, trashPurge } from './jobs.ts';
export { trashRoutes } from './routes.ts';
