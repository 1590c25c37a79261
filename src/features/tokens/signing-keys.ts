import { createPrivateKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

import { calculateJwkThumbprint, importJWK, type CryptoKey, type JWK } from 'jose';

import { clock } from '../../lib/clock.ts';
import type { Platform } from '../../platform/index.ts';
import * as store from './store.ts';

const SECONDS_PER_DAY = 86_400;
const PURPOSE = 'token signing key';
/** How long the keys of the database are trusted before they are read again. */
const FRESH_MS = 60_000;
/** A token with an unknown key makes us look, but not more often than this. */
const LOOK_AGAIN_MS = 1000;

export interface SigningKeys {
  /** The key that signs now. Makes the first one, and the next one when its time has come. */
  current(): Promise<{ kid: string; key: KeyObject }>;
  /** The key that verifies tokens with this `kid`. */
  find(kid: string): Promise<CryptoKey | Uint8Array | undefined>;
}

interface KnownKey {
  kid: string;
  createdAt: number;
  verify: CryptoKey | Uint8Array;
  sealed: Buffer;
  sign?: KeyObject;
}

/** The keys of all nodes, kept in the database, private parts encrypted. */
export function createSigningKeys({
  db,
  config,
  secretBox,
}: Pick<Platform, 'db' | 'config' | 'secretBox'>): SigningKeys {
  let known: KnownKey[] = [];
  let readAt = 0;
  const lifetimeSeconds = config.tokens.key_lifetime_days * SECONDS_PER_DAY;

  async function read(): Promise<void> {
    const rows = await store.listSigningKeys(db);
    known = await Promise.all(
      rows.map(async (row) => ({
        kid: row.kid,
        createdAt: row.created_at.getTime(),
        verify: await importJWK(row.public_jwk as JWK, 'ES256'),
        sealed: row.private_key,
      })),
    );
    readAt = clock.now().getTime();
  }

  const isDue = () =>
    known[0] === undefined || known[0].createdAt < clock.now().getTime() - lifetimeSeconds * 1000;

  return {
    async current() {
      if (clock.now().getTime() - readAt > FRESH_MS) await read();
      if (isDue()) {
        await store.addSigningKey(db, await makeKey(secretBox), {
          lifetimeSeconds,
          overlapSeconds: 2 * config.tokens.lifetime_seconds + 2 * (FRESH_MS / 1000),
        });
        await read();
      }
      const newest = known[0]!;
      newest.sign ??= createPrivateKey({
        key: secretBox.open(newest.sealed, PURPOSE),
        format: 'der',
        type: 'pkcs8',
      });
      return { kid: newest.kid, key: newest.sign };
    },

    async find(kid) {
      const find = () => known.find((key) => key.kid === kid)?.verify;
      const age = clock.now().getTime() - readAt;
      if (age > FRESH_MS || (find() === undefined && age > LOOK_AGAIN_MS)) await read();
      return find();
    },
  };
}

async function makeKey(secretBox: Platform['secretBox']) {
  const { privateKey, publicKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  const jwk = publicKey.export({ format: 'jwk' }) as JWK;
  return {
    kid: await calculateJwkThumbprint(jwk),
    public_jwk: jwk,
    private_key: secretBox.seal(privateKey.export({ format: 'der', type: 'pkcs8' }), PURPOSE),
  };
}
