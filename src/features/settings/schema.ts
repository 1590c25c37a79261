import Type, { type TSchema } from 'typebox';

import { HarborBody, Reply } from '../../platform/http/harbor-body.ts';
import { DEFINITIONS, isSecret, type SettingName, type Settings } from './definitions.ts';

const names = Object.keys(DEFINITIONS) as SettingName[];

/** The value of a setting. A default would be filled in where a request leaves it out. */
function valueOf(name: SettingName): TSchema {
  const { default: _, secret: _isSecret, ...schema } = DEFINITIONS[name];
  return schema;
}

/** What is left out stays as it is. */
export const ConfigurationChange = Type.Unsafe<Partial<Settings>>(
  HarborBody(Object.fromEntries(names.map((name) => [name, Type.Optional(valueOf(name))]))),
);

export interface Item {
  value: Settings[SettingName];
  editable: boolean;
}

/** Harbor shows this secret, so its clients know the member; here it is never filled. */
const SHOWN_BY_HARBOR = new Set<SettingName>(['uaa_client_secret']);

/** Secrets are left out. So is Harbor's `scan_all_policy`, which it has from its first version only. */
export const ConfigurationReply = Type.Unsafe<Partial<Record<SettingName, Item>>>(
  Reply({
    ...Object.fromEntries(
      names
        .filter((name) => !isSecret(name) || SHOWN_BY_HARBOR.has(name))
        .map((name) => [name, Reply({ value: valueOf(name), editable: Type.Boolean() })]),
    ),
    scan_all_policy: Reply({
      type: Type.String(),
      parameter: Reply({ daily_time: Type.Integer() }),
    }),
  }),
);

/** The same, as Harbor tells its components. */
export const InternalConfigurationReply = Type.Record(
  Type.String(),
  Reply({ value: Type.Unknown(), editable: Type.Boolean() }),
);
