import { rmSync } from 'node:fs';

import {
  findUserByName,
  generatePassword,
  hashPassword,
  updatePassword,
} from '../features/accounts/index.ts';
import { writePrivateFile } from '../lib/write-private-file.ts';
import { readConfig, toConfig, type Config } from '../platform/config/index.ts';
import type { Db } from '../platform/db/connect.ts';
import { isUndefinedTable } from '../platform/db/errors.ts';
import { checkConfig } from '../server/process/check-config.ts';
import { ADMIN, passwordFile } from '../server/process/first-password.ts';
import { makeDataFolder } from '../server/process/primary.ts';
import type { Command } from './command.ts';
import { withDatabase } from './with-database.ts';

export const adminResetPassword: Command = {
  name: 'admin reset-password',
  summary:
    'give admin a new password: ROADSTEAD_ADMIN_PASSWORD, or a generated one; the server may run',

  async run() {
    const config = toConfig(readConfig());
    await checkConfig(config);
    const given = config.admin_password?.reveal();
    const password = given ?? generatePassword();
    const hash = await hashPassword(password);
    const file = passwordFile(config);
    await withDatabase(config, async (db) => {
      const admin = await findAdmin(db);
      await db.transaction().execute(async (tx) => {
        await updatePassword(tx, admin.id, hash);
        // Before the commit: a password that is written nowhere must not be in force.
        if (given === undefined) writePasswordFile(config, file, password);
      });
    });
    if (given === undefined) {
      console.log(`admin has the password ${password} now (also in ${file}).`);
    } else {
      rmSync(file, { force: true }); // what it holds is not the password any more
      console.log('admin has the password of the configuration now.');
    }
    return 0;
  },
};

function writePasswordFile(config: Config, file: string, password: string): void {
  try {
    makeDataFolder(config);
    writePrivateFile(file, `${password}\n`);
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new Error(`the password is as before: ${file} can't be written (${reason})`, { cause });
  }
}

async function findAdmin(db: Db) {
  try {
    const admin = await findUserByName(db, ADMIN);
    if (admin !== undefined) return admin;
  } catch (cause) {
    if (!isUndefinedTable(cause)) throw cause;
  }
  throw new Error('there is no account admin yet; start the server once first');
}
