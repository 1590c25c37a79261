import { Secret } from '../../lib/secret.ts';
import type { ConfigValues } from './schema.ts';

export { ConfigError, readConfig } from './read-config.ts';
export type { ConfigValues } from './schema.ts';

type SecretKeys =
  | 'admin_password'
  | 'secret_key'
  | 'settings_overwrite'
  | 'database_url'
  | 'metrics'
  | 's3';

/** The configuration as the program uses it: frozen, its secrets hidden from every print. */
export type Config = Readonly<
  Omit<ConfigValues, SecretKeys> & {
    admin_password: Secret | undefined;
    secret_key: Secret | undefined;
    settings_overwrite: Secret | undefined;
    database_url: Secret | undefined;
    metrics: { token: Secret | undefined };
    s3: Omit<ConfigValues['s3'], 'secret_access_key'> & { secret_access_key: Secret | undefined };
  }
>;

const hide = (text: string | undefined) => (text === undefined ? undefined : new Secret(text));

export function toConfig(values: ConfigValues): Config {
  return Object.freeze({
    ...values,
    admin_password: hide(values.admin_password),
    secret_key: hide(values.secret_key),
    settings_overwrite: hide(values.settings_overwrite),
    database_url: hide(values.database_url),
    metrics: { token: hide(values.metrics.token) },
    s3: { ...values.s3, secret_access_key: hide(values.s3.secret_access_key) },
  });
}
