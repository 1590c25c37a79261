import { join } from 'node:path';

import {
  generatePassword,
  hashPassword,
  hasPassword,
  setFirstPassword,
} from '../../features/accounts/index.ts';
import { writePrivateFile } from '../../lib/write-private-file.ts';
import type { Config } from '../../platform/config/index.ts';
import type { Db } from '../../platform/db/connect.ts';

export const ADMIN = 'admin';

export interface FirstPassword {
  /** Shown once; undefined when the configuration gave it. */
  generated?: { password: string; file: string };
}

/** Gives `admin` a password if it has none: at the first start. Undefined: it had one. */
export async function giveFirstPassword(
  db: Db,
  config: Config,
): Promise<FirstPassword | undefined> {
  if (await hasPassword(db, ADMIN)) return undefined;
  const given = config.admin_password?.reveal();
  const password = given ?? generatePassword();
  const hash = await hashPassword(password);
  const file = passwordFile(config);
  // The file before the commit: if this process dies in between, the next start makes another pair. Inside the
  // transaction: another node that starts now waits for it, and leaves the file alone.
  const isSet = await db.transaction().execute(async (tx) => {
    const isFirst = await setFirstPassword(tx, ADMIN, hash);
    if (isFirst && given === undefined) writePrivateFile(file, `${password}\n`);
    return isFirst;
  });
  if (!isSet) return undefined;
  return given === undefined ? { generated: { password, file } } : {};
}

export const passwordFile = ({ data }: Config) => join(data, 'admin-password');
