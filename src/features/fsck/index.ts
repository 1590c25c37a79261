export type { Figures, FsckOptions, Progress } from './check.ts';
export { KINDS, type Finding, type FindingKind } from './finding.ts';
export { acceptStore, requireOwnStore } from './own-store.ts';
export { forgetMark } from './store/mark.ts';
export { checkRegistry, startFigures } from './run.ts';
