export { emit } from './store.ts';
export { dispatching } from './dispatch.ts';
export type { EventType } from './types.ts';
