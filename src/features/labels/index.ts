export { labelRoutes, toLabelReply } from './routes.ts';
export { LabelReply } from './schema.ts';
export type { Label } from './store.ts';
