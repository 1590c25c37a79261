import { join } from 'node:path';

import {
  findUserByName,
  generatePassword,
  hashPassword,
  requireStrongPassword,
  updatePassword,
} from '../features/accounts/index.ts';
import { writePrivateFile } from '../lib/write-private-file.ts';
import { readConfig } from '../platform/config/index.ts';
import { ADMIN } from '../server/process/first-password.ts';
import type { Command } from './command.ts';
import { withDatabase } from './with-database.ts';

export const adminResetPassword: Command = {
  name: 'admin reset-password',
  summary:
    'give admin a new password: ROADSTEAD_ADMIN_PASSWORD, or a generated one; the server may run',

  async run() {
    const config = readConfig();
    const password = config.admin_password ?? generatePassword();
    requireStrongPassword(password);
    await withDatabase(async (db) => {
      const admin = await findUserByName(db, ADMIN);
      if (admin === undefined) {
        throw new Error('there is no account admin; start the server once first');
      }
      await updatePassword(db, admin.id, await hashPassword(password));
    });
    if (config.admin_password !== undefined) {
      console.log('admin has the password of the configuration now.');
      return 0;
    }
    const file = join(config.data, 'admin-password');
    writePrivateFile(file, `${password}\n`);
    console.log(`admin has the password ${password} now (also in ${file}).`);
    return 0;
  },
};
