import { createHash, randomBytes } from 'node:crypto';

import { Refusal } from '../../lib/errors.ts';
import type { Platform } from '../../platform/index.ts';
import type { SignedInUser } from '../access/index.ts';
import * as store from './store.ts';

const PREFIX = 'rsr_';

const hash = (token: string) => createHash('sha256').update(token).digest();

export async function issueRefreshToken(
  { db, config }: Pick<Platform, 'db' | 'config'>,
  user: SignedInUser,
  clientId: string,
): Promise<string> {
  const token = PREFIX + randomBytes(32).toString('base64url');
  await store.insertRefreshToken(db, {
    token_hash: hash(token),
    user_id: user.id,
    client_id: clientId,
    password_changed_at: user.passwordChangedAt,
    lifetimeDays: config.tokens.refresh_lifetime_days,
  });
  return token;
}

/** Who the token belongs to; 401 when it is unknown, expired, or the owner's password has changed. */
export async function redeemRefreshToken(
  { db }: Pick<Platform, 'db'>,
  token: string,
): Promise<SignedInUser> {
  const owner = await store.findRefreshTokenOwner(db, hash(token));
  if (owner === undefined) {
    throw new Refusal(
      'UNAUTHORIZED',
      'unauthorized: the refresh token is not valid; sign in again',
    );
  }
  return {
    id: owner.id,
    username: owner.username,
    isSysadmin: owner.is_sysadmin,
    passwordChangedAt: owner.password_changed_at,
  };
}
