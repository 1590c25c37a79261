export { collectGarbage } from './collect.ts';
export { garbageCollection } from './jobs.ts';
export { listHolds, releaseHold, renewHold, takeHold, type CollectionHold } from './store.ts';
