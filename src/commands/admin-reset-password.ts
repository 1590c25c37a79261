import { existsSync, rmSync } from 'node:fs';

import {
  findUserByName,
  generatePassword,
  hashPassword,
  updatePassword,
} from '../features/accounts/index.ts';
import { describeError } from '../lib/describe-error.ts';
import { replaceFile, writePrivateFile } from '../lib/write-private-file.ts';
import { readConfig, toConfig, type Config } from '../platform/config/index.ts';
import type { Db } from '../platform/db/connect.ts';
import { isDatabaseUnavailable, isUndefinedTable } from '../platform/db/errors.ts';
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
    const beside = `${file}.new`;
    await withDatabase(config, async (db) => {
      const admin = await findAdmin(db);
      // Before it is in force: a password that is written nowhere would lock everybody out.
      if (given === undefined) writeBeside(config, beside, password);
      await attempt(() => updatePassword(db, admin.id, hash), beside);
    });
    if (given === undefined) {
      console.log(`admin has the password ${password} now (also in ${replace(file, beside)}).`);
    } else {
      rmSync(file, { force: true }); // what it holds is not the password any more
      console.log('admin has the password of the configuration now.');
    }
    return 0;
  },
};

function writeBeside(config: Config, beside: string, password: string): void {
  try {
    makeDataFolder(config);
    writePrivateFile(beside, `${password}\n`);
  } catch (cause) {
    throw new Error(
      `the password is as before: ${beside} can't be written (${describeError(cause)})`,
      { cause },
    );
  }
}

async function attempt(update: () => Promise<void>, beside: string): Promise<void> {
  try {
    await update();
  } catch (cause) {
    const reason = describeError(cause);
    if (isDatabaseUnavailable(cause)) {
      const newOne = existsSync(beside) ? `what is in ${beside}` : 'that of the configuration';
      throw new Error(`admin has the old password still, or ${newOne}: ${reason}`, { cause });
    }
    rmSync(beside, { force: true });
    throw new Error(`the password is as before: ${reason}`, { cause });
  }
}

/** Answers where the new password is. */
function replace(file: string, beside: string): string {
  try {
    replaceFile(file, beside);
    return file;
  } catch (cause) {
    return `${beside}, because ${file} can't be replaced: ${describeError(cause)}`;
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
