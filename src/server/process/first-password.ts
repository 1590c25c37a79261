import { rmSync } from 'node:fs';
import { join } from 'node:path';

import {
  generatePassword,
  hashPassword,
  hasPassword,
  requireStrongPassword,
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
  const given = config.admin_password?.reveal();
  if (given !== undefined) {
    requireStrongPassword(given);
    return (await setFirstPassword(db, ADMIN, await hashPassword(given))) ? {} : undefined;
  }
  if (await hasPassword(db, ADMIN)) return undefined;
  const password = generatePassword();
  const file = join(config.data, 'admin-password');
  // The file first: if this process dies now, the next start makes another pair.
  writePrivateFile(file, `${password}\n`);
  const isSet = await setFirstPassword(db, ADMIN, await hashPassword(password));
  if (isSet) return { generated: { password, file } };
  rmSync(file, { force: true }); // another node was quicker
  return undefined;
}
