export { labelRoutes, toLabelReply } from './routes.ts';
export { LabelReply } from './schema.ts';
export { addLabel, moveLabels, removeLabel } from './store.ts';
