export { Recorder } from './recorder.ts';
export { emit, findEventLag } from './store.ts';
export { dispatching } from './dispatch.ts';
export { eventRetention } from './retention.ts';
export { OPERATIONS, type EventType } from './types.ts';
