export { collectGarbage } from './collect.ts';
export { garbageCollection } from './jobs.ts';
