import { adminResetPassword } from './admin-reset-password.ts';
import { adminResetSigningKeys } from './admin-reset-signing-keys.ts';
import { backupCommand } from './backup.ts';
import type { Command } from './command.ts';
import { configCheck } from './config-check.ts';
import { fsckCommand } from './fsck.ts';
import { gcCommand } from './gc.ts';
import { healthCommand } from './health.ts';
import { migrateCommand } from './migrate.ts';
import { restoreCommand } from './restore.ts';
import { quotaCheck } from './quota-check.ts';
import { serverCommand } from './server.ts';

export const commands: Command[] = [
  serverCommand,
  migrateCommand,
  gcCommand,
  fsckCommand,
  backupCommand,
  restoreCommand,
  quotaCheck,
  configCheck,
  healthCommand,
  adminResetPassword,
  adminResetSigningKeys,
];
