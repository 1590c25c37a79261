import Value from 'typebox/value';

import { Refusal } from '../../lib/errors.ts';
import { inTransaction } from '../../platform/db/transaction.ts';
import { emit } from '../../platform/events/index.ts';
import type { Platform } from '../../platform/index.ts';
import { WrongKeyError, type SecretBox } from '../../platform/secret-box.ts';
import {
  DEFAULTS,
  isSecret,
  SettingsSchema,
  type SettingName,
  type Settings,
} from './definitions.ts';
import { requireConsistent, requireKnown, requireSound } from './rules.ts';
import * as store from './store.ts';

type Change = Pick<Platform, 'db' | 'secretBox'>;

const purposeOf = (name: SettingName) => `setting ${name}`;

/** Sets what is given and leaves the rest. All of it or, refused, nothing. False: it was so already. */
export async function changeSettings(
  { db, secretBox }: Change,
  given: Partial<Settings>,
  by: { actor: string; client: string },
): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    const stored = await store.lockSettings(tx);
    const before = { ...DEFAULTS, ...toValues(stored) };
    const names = (Object.keys(given) as SettingName[]).filter((name) =>
      isSecret(name)
        ? openSecret(secretBox, name, stored) !== given[name]
        : before[name] !== given[name],
    );
    if (names.length === 0) return false;
    const { true: secrets = [], false: shown = [] } = Object.groupBy(names, (name) =>
      isSecret(name) ? 'true' : 'false',
    );
    const change = pick(given, shown);
    requireConsistent(before, { ...before, ...change }, { hasUsers: await store.hasUsers(tx) });
    await store.upsertSettings(tx, [
      ...shown.map((name) => ({ name, value: given[name], sealed: null })),
      ...secrets.map((name) => ({ name, value: null, sealed: seal(secretBox, name, given) })),
    ]);
    await emit(tx, {
      type: 'configuration.updated',
      subject: { configuration: 'configuration' },
      before: pick(before, shown),
      after: { ...change, ...Object.fromEntries(secrets.map((name) => [name, '***'])) },
      ...by,
    });
    return true;
  });
}

/** Sets what a JSON text says: the same at each start, so that nothing has to be clicked. */
export async function applySettings(platform: Change, json: string): Promise<void> {
  const given = parse(json);
  requireKnown(Object.keys(given));
  for (const [name, value] of Object.entries(given)) {
    const schema = SettingsSchema.properties[name as SettingName];
    const [error] = Value.Errors(schema, value);
    if (error !== undefined) throw new Refusal('BAD_REQUEST', `${name} ${error.message}`);
  }
  requireSound(given);
  await changeSettings(platform, given, { actor: 'CONFIG_OVERWRITE_JSON', client: '' });
}

function parse(json: string): Partial<Settings> {
  let given: unknown;
  try {
    given = JSON.parse(json);
  } catch {
    given = undefined; // the parser's message would repeat secrets
  }
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) return given;
  throw new Refusal('BAD_REQUEST', 'it must be a JSON object, such as {"read_only":true}');
}

const pick = (values: Partial<Settings>, names: SettingName[]): Partial<Settings> =>
  Object.fromEntries(names.map((name) => [name, values[name]]));

const toValues = (stored: store.StoredSetting[]): Partial<Settings> =>
  Object.fromEntries(
    stored.filter(({ sealed }) => sealed === null).map(({ name, value }) => [name, value]),
  );

const seal = (secretBox: SecretBox, name: SettingName, given: Partial<Settings>) =>
  secretBox.seal(Buffer.from(String(given[name])), purposeOf(name));

/** What is stored of a secret. Undefined also when nobody can read it any more. */
function openSecret(
  secretBox: SecretBox,
  name: SettingName,
  stored: store.StoredSetting[],
): string | undefined {
  const sealed = stored.find((setting) => setting.name === name)?.sealed;
  if (sealed === undefined || sealed === null) return undefined;
  try {
    return secretBox.open(sealed, purposeOf(name)).toString();
  } catch (error) {
    if (error instanceof WrongKeyError) return undefined;
    throw error;
  }
}
