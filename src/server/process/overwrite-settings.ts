import { applySettings } from '../../features/settings/index.ts';
import { describeError } from '../../lib/describe-error.ts';
import type { Secret } from '../../lib/secret.ts';
import { ConfigError, type Config } from '../../platform/config/index.ts';
import type { Db } from '../../platform/db/connect.ts';
import { createSecretBox } from '../../platform/secret-box.ts';
import { Refusal } from '../../lib/errors.ts';

/** Sets the settings that the configuration holds, if any. */
export async function overwriteSettings(
  db: Db,
  { settings_overwrite: json }: Config,
  secretKey: Secret,
): Promise<void> {
  if (json === undefined) return;
  try {
    await applySettings({ db, secretBox: createSecretBox(secretKey) }, json.reveal());
  } catch (cause) {
    if (!(cause instanceof Refusal)) throw cause;
    const reason = describeError(cause).replace(/^bad request: /, '');
    throw new ConfigError(`settings_overwrite (CONFIG_OVERWRITE_JSON): ${reason}`, { cause });
  }
}
