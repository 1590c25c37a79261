import type { FastifyRequest } from 'fastify';

import { Refusal } from '../../lib/errors.ts';
import { networkOf } from '../../lib/network-of.ts';
import type { Db } from '../../platform/db/connect.ts';
import type { Platform } from '../../platform/index.ts';
import { actorOf, hasSystemPermission, requireSystemAccess } from '../access/index.ts';
import { findSettings } from '../settings/index.ts';
import * as store from './store.ts';

/** Accounts that one address (IPv6: network) may ask for in a row; then it waits, longer each time. */
const POLICY = { free: 20, maxSeconds: 3600 };

/** Harbor's rules: with self-registration on anybody may make an account, but only in a browser. */
export async function requireMayRegister(
  { db, lookups }: Pick<Platform, 'db' | 'lookups'>,
  { caller, hasToken, address }: FastifyRequest,
): Promise<void> {
  const { auth_mode, self_registration } = await findSettings(lookups);
  if (auth_mode !== 'db_auth') {
    throw new Refusal('FORBIDDEN', `forbidden: users come from elsewhere (auth_mode ${auth_mode})`);
  }
  if (hasSystemPermission(caller, 'user:create')) return;
  if (!self_registration) requireSystemAccess(caller, 'user:create');
  if (hasToken !== true) {
    throw new Refusal('FORBIDDEN', 'forbidden: to make an account for yourself, use the portal');
  }
  await requireFew(db, networkOf(address));
}

async function requireFew(db: Db, network: string): Promise<void> {
  const subject = `registration:${network}`;
  if (await store.takeTurn(db, subject, POLICY)) return;
  const seconds = Math.max(1, await store.findBlockedSeconds(db, [subject]));
  throw new Refusal(
    'TOOMANYREQUESTS',
    `too many accounts were asked for from this address; try again in ${seconds} s`,
    { headers: { 'retry-after': String(seconds) } },
  );
}

/** Does `work`, which makes a user; that somebody may not is written down for the audit log. */
export async function registerOnRecord<T>(
  { recorder }: Pick<Platform, 'recorder'>,
  request: FastifyRequest,
  username: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Refusal && error.status !== 400) {
      recorder.record({
        type: 'user.created',
        subject: { user: username },
        result: error.code,
        ...actorOf(request),
      });
    }
    throw error;
  }
}
