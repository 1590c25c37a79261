import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Secret } from '../../lib/secret.ts';
import { createPrivateFile } from '../../lib/write-private-file.ts';
import type { Config } from '../../platform/config/index.ts';

/** The key of the configuration, or the one in the data folder, made at the first start. */
export function readSecretKey({ secret_key, data }: Config): Secret {
  if (secret_key !== undefined) return secret_key;
  const file = join(data, 'secret.key');
  if (!existsSync(file)) createPrivateFile(file, `${randomBytes(32).toString('base64url')}\n`);
  return new Secret(readFileSync(file, 'utf8').trim());
}
