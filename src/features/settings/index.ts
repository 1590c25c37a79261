export { applySettings } from './change.ts';
export { findSettings, readSettings, tokenLifetimeSeconds } from './read.ts';
export { settingRoutes } from './routes.ts';
export type { Settings } from './definitions.ts';
