import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';

import { Refusal } from '../../lib/errors.ts';
import { createBearerTokens } from './bearer-token.ts';

test('a fault of ours is not taken for a bad token', async () => {
  const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const fault = new TypeError('undefined is not a function');
  const fail = () => Promise.reject(fault);
  const owners = { findUser: fail, findRobot: fail };
  const options = { findLifetimeSeconds: async () => 600, owners };
  const current = () => Promise.resolve({ kid: 'a', key });
  const without = createBearerTokens({ current, find: () => Promise.reject(fault) }, options);
  const { token } = await without.issue({});
  const withKey = createBearerTokens(
    { current, find: () => Promise.resolve(createPublicKey(key) as never) },
    options,
  );
  const owned = await withKey.issue({
    user: { id: 1, username: 'ann', isSysadmin: false, passwordChangedAt: new Date() },
  });

  await assert.rejects(without.verify(token), fault);
  await assert.rejects(withKey.verify(owned.token), fault);
  await assert.rejects(without.verify('no token'), Refusal);
});
