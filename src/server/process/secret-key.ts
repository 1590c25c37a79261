import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { requireMatchingKey } from '../../features/tokens/index.ts';
import { Secret } from '../../lib/secret.ts';
import { createPrivateFile } from '../../lib/write-private-file.ts';
import { ConfigError, type Config } from '../../platform/config/index.ts';
import type { Db } from '../../platform/db/connect.ts';
import { createSecretBox, WrongKeyError } from '../../platform/secret-box.ts';

/** The key of the configuration, or the one in the data folder, made at the first start. */
export function readSecretKey(config: Config): Secret {
  const found = findSecretKey(config);
  if (found !== undefined) return found;
  createPrivateFile(keyFile(config.data), `${randomBytes(32).toString('base64url')}\n`);
  return findSecretKey(config)!;
}

/** Undefined: there is none yet. */
export function findSecretKey({ secret_key, data }: Config): Secret | undefined {
  if (secret_key !== undefined) return secret_key;
  const file = keyFile(data);
  return existsSync(file) ? new Secret(readFileSync(file, 'utf8').trim()) : undefined;
}

const keyFile = (data: string) => join(data, 'secret.key');

/** Refuses a key that is not the one with which the secrets in the database were encrypted. */
export async function requireSecretKey(db: Db, config: Config, key: Secret): Promise<void> {
  try {
    await requireMatchingKey(db, createSecretBox(key));
  } catch (cause) {
    if (!(cause instanceof WrongKeyError)) throw cause;
    const file = keyFile(config.data);
    const remedy =
      config.secret_key === undefined
        ? `put back the file ${file} that belongs to this database, or set secret_key to what it held`
        : 'set the one it had before (without one it is the content of secret.key in the data folder)';
    throw new ConfigError(
      `secret_key: the database was encrypted with another one; ${remedy}. If it is lost: roadstead admin reset-signing-keys`,
      { cause },
    );
  }
}
