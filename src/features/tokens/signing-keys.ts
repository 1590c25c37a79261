import { createPrivateKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';

import { calculateJwkThumbprint, importJWK, type CryptoKey, type JWK } from 'jose';

import { clock } from '../../lib/clock.ts';
import type { Db } from '../../platform/db/connect.ts';
import type { Platform } from '../../platform/index.ts';
import type { SecretBox } from '../../platform/secret-box.ts';
import * as store from './store.ts';

const SECONDS_PER_DAY = 86_400;
const PURPOSE = 'token signing key';
/** How long the keys of the database are trusted before they are read again. */
const FRESH_MS = 60_000;
/** Tokens with unknown keys make us read again, all that wait together, and not more often than this. */
const READ_AGAIN_MS = 100;

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
  const { read, known, readAgain } = shareReads(() => readKeys(db));
  const lifetimeSeconds = config.tokens.key_lifetime_days * SECONDS_PER_DAY;
  let making: Promise<KnownKey[]> | undefined;

  async function addKey(): Promise<KnownKey[]> {
    await store.addSigningKey(db, await makeKey(secretBox), {
      lifetimeSeconds,
      overlapSeconds: 2 * config.tokens.lifetime_seconds + 2 * (FRESH_MS / 1000),
    });
    return read();
  }

  const isDue = (newest: KnownKey | undefined) =>
    newest === undefined || newest.createdAt < clock.now().getTime() - lifetimeSeconds * 1000;

  return {
    async current() {
      let [newest] = await known();
      if (isDue(newest)) {
        making ??= addKey().finally(() => (making = undefined));
        [newest] = await making;
      }
      const { kid, sealed } = newest!;
      newest!.sign ??= openKey(secretBox, sealed);
      return { kid, key: newest!.sign };
    },

    async find(kid) {
      const find = (keys: KnownKey[]) => keys.find((key) => key.kid === kid)?.verify;
      return find(await known()) ?? find(await readAgain());
    },
  };
}

/** Reads that all who want the keys in the same moment share. */
function shareReads(readKeys: () => Promise<KnownKey[]>) {
  let latest: Promise<KnownKey[]> | undefined;
  let readAt = 0;
  let next: Promise<KnownKey[]> | undefined;

  const age = () => clock.now().getTime() - readAt;

  function read(): Promise<KnownKey[]> {
    readAt = clock.now().getTime();
    const reading = readKeys();
    latest = reading;
    reading.catch(() => (latest = undefined));
    return reading;
  }

  return {
    read,

    /** As they were a minute ago at most. */
    known: () => (latest === undefined || age() > FRESH_MS ? read() : latest),

    /** As they are after this call. All who call before it begins share one read. */
    readAgain(): Promise<KnownKey[]> {
      const pauseMs = Math.min(READ_AGAIN_MS - age(), READ_AGAIN_MS);
      next ??= setTimeout(pauseMs).then(() => {
        next = undefined;
        return read();
      });
      return next;
    },
  };
}

async function readKeys(db: Db): Promise<KnownKey[]> {
  const rows = await store.listSigningKeys(db);
  return Promise.all(
    rows.map(async (row) => ({
      kid: row.kid,
      createdAt: row.created_at.getTime(),
      verify: await importJWK(row.public_jwk as JWK, 'ES256'),
      sealed: row.private_key,
    })),
  );
}

const openKey = (secretBox: SecretBox, sealed: Buffer): KeyObject =>
  createPrivateKey({ key: secretBox.open(sealed, PURPOSE), format: 'der', type: 'pkcs8' });

/** Fails when the key that signs now was sealed with another `secret_key`: no token could be issued. */
export async function requireReadableKeys(db: Db, secretBox: SecretBox): Promise<void> {
  const [newest] = await store.listSigningKeys(db);
  if (newest !== undefined) openKey(secretBox, newest.private_key);
}

async function makeKey(secretBox: SecretBox) {
  const { privateKey, publicKey } = await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' });
  const jwk = publicKey.export({ format: 'jwk' }) as JWK;
  return {
    kid: await calculateJwkThumbprint(jwk),
    public_jwk: jwk,
    private_key: secretBox.seal(privateKey.export({ format: 'der', type: 'pkcs8' }), PURPOSE),
  };
}
