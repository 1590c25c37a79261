import { requireStrongPassword } from '../../features/accounts/index.ts';
import { describeError } from '../../lib/describe-error.ts';
import { ConfigError, type Config } from '../../platform/config/index.ts';
import { readTls } from './tls.ts';

/** Refuses what fits the schema and could not work all the same, before anything is started with it. */
export async function checkConfig(config: Config): Promise<void> {
  const { admin_password } = config;
  if (admin_password !== undefined) {
    await attempt('admin_password', () => requireStrongPassword(admin_password.reveal()));
  }
  await attempt('tls', () => readTls(config.tls));
}

async function attempt(key: string, check: () => unknown): Promise<void> {
  try {
    await check();
  } catch (cause) {
    const reason = describeError(cause).replace(/^bad request: /, '');
    throw new ConfigError(`${key}: ${reason}`, { cause });
  }
}
