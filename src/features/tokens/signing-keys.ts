import { createPrivateKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

import { calculateJwkThumbprint, importJWK, type CryptoKey, type JWK } from 'jose';

import { remember } from '../../lib/remember.ts';
import type { Platform } from '../../platform/index.ts';
import type { SecretBox } from '../../platform/secret-box.ts';
import { findSettings, tokenLifetimeSeconds } from '../settings/index.ts';
import * as store from './store.ts';

const SECONDS_PER_DAY = 86_400;
const PURPOSE = 'token signing key';
/** A key that was removed signs and verifies nothing after this, on any node. */
const FRESH = { ms: 1000, maxEntries: 1000 };
/** A key verifies for longer than the last token that it signed is valid. */
const OVERLAP_SECONDS = 120;

export interface SigningKeys {
  /** The key that signs now. Makes the first one, and the next one when its time has come. */
  current(): Promise<{ kid: string; key: KeyObject }>;
  /** The key that verifies tokens with this `kid`. */
  find(kid: string): Promise<CryptoKey | Uint8Array | undefined>;
}

/** The keys of all nodes, kept in the database, private parts encrypted. */
export function createSigningKeys({
  db,
  lookups,
  config,
  secretBox,
}: Pick<Platform, 'db' | 'lookups' | 'config' | 'secretBox'>): SigningKeys {
  async function addKey(lifetimeSeconds: number): Promise<store.NewestKey> {
    const tokenSeconds = tokenLifetimeSeconds(await findSettings(lookups), config);
    await store.addSigningKey(db, await makeKey(secretBox), {
      lifetimeSeconds,
      overlapSeconds: 2 * tokenSeconds + OVERLAP_SECONDS,
    });
    return (await store.findNewestKey(lookups, lifetimeSeconds))!;
  }

  const findCurrent = remember(async (lifetimeSeconds: number) => {
    const newest = await store.findNewestKey(lookups, lifetimeSeconds);
    const isUsable = newest !== undefined && !newest.is_due;
    const { kid, private_key } = isUsable ? newest : await addKey(lifetimeSeconds);
    return { kid, key: openKey(secretBox, private_key) };
  }, FRESH);

  return {
    current: () => findCurrent(config.tokens.key_lifetime_days * SECONDS_PER_DAY),

    find: remember(async (kid: string) => {
      const jwk = await store.findPublicKey(lookups, kid);
      return jwk && importJWK(jwk, 'ES256');
    }, FRESH),
  };
}

export const openKey = (secretBox: SecretBox, sealed: Buffer): KeyObject =>
  createPrivateKey({ key: secretBox.open(sealed, PURPOSE), format: 'der', type: 'pkcs8' });

async function makeKey(secretBox: SecretBox) {
  const { privateKey, publicKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  const jwk = publicKey.export({ format: 'jwk' }) as JWK;
  return {
    kid: await calculateJwkThumbprint(jwk),
    public_jwk: jwk,
    private_key: secretBox.seal(privateKey.export({ format: 'der', type: 'pkcs8' }), PURPOSE),
  };
}
