import { setTimeout } from 'node:timers/promises';

import { remember } from '../../lib/remember.ts';
import type { Config } from '../../platform/config/index.ts';
import type { Lookups } from '../../platform/db/lookups.ts';
import { DEFAULTS, type Settings } from './definitions.ts';
import { findValues } from './store.ts';

/** What an administrator changes counts in every process after this at the latest. */
const FRESH = { ms: 1000, maxEntries: 1 };

const readers = new WeakMap<Lookups, (key: true) => Promise<Settings>>();

/** What is set now, secrets excepted. */
export async function readSettings(lookups: Lookups): Promise<Settings> {
  return { ...DEFAULTS, ...(await findValues(lookups)) };
}

/** The same, remembered for a second: to be asked at every request. */
export function findSettings(lookups: Lookups): Promise<Settings> {
  const find = readers.get(lookups) ?? remember(() => readSettings(lookups), FRESH);
  readers.set(lookups, find);
  return find(true);
}

/** Resolves when what was just changed counts in every process of every node: nobody remembers what was before. */
export async function waitUntilRead(lookups: Lookups): Promise<void> {
  readers.delete(lookups);
  await setTimeout(FRESH.ms + 50); // a timer may be early, and clocks are not read at the same moment
}

/** Whether the audit log is to hold events of this type, which change nothing: `pull_artifact`, `login_user`. */
export async function isLogged(lookups: Lookups, type: string): Promise<boolean> {
  const settings = await findSettings(lookups);
  if (type === 'pull_artifact' && settings.pull_audit_log_disable) return false;
  return !settings.disabled_audit_log_event_types.split(/[ ,]+/).includes(type);
}

/** How long a bearer token is valid. A key verifies none that is older than it signs. */
export function tokenLifetimeSeconds(
  { token_expiration }: Settings,
  { tokens }: Pick<Config, 'tokens'>,
): number {
  if (token_expiration === undefined) return tokens.lifetime_seconds;
  return Math.min(token_expiration * 60, tokens.key_lifetime_days * 86_400);
}
