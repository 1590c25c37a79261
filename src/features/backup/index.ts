export { findName, listNames } from './backup-folder.ts';
export { makeBackup, type MadeBackup } from './make-backup.ts';
export { readManifest, type Manifest } from './manifest.ts';
export { formatSeconds, Progress } from './progress.ts';
export { requireRestored } from './require-restored.ts';
export { restore } from './restore.ts';
export { verifyBackup } from './verify-backup.ts';
