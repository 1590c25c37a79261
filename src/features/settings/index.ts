export { applySettings } from './change.ts';
export { findSettings, isLogged, readSettings, tokenLifetimeSeconds } from './read.ts';
export { settingRoutes } from './routes.ts';
export type { Settings } from './definitions.ts';
