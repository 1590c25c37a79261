export { labelRoutes, toLabelReply } from './routes.ts';
export { LabelReply } from './schema.ts';
