import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';

import type { Secret } from '../lib/secret.ts';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** A secret was sealed with another key than ours. */
export class WrongKeyError extends Error {}

/** Encrypts what the database keeps secret, with AES-256-GCM. `purpose` binds a secret to its place. */
export interface SecretBox {
  seal(plain: Uint8Array, purpose: string): Buffer;
  /** Throws a `WrongKeyError` when the bytes were sealed with another key or for another purpose. */
  open(sealed: Uint8Array, purpose: string): Buffer;
  /** What only a holder of our key can make of the bytes. */
  mac(bytes: Uint8Array, purpose: string): Buffer;
}

export function createSecretBox(key: Secret): SecretBox {
  const derive = (use: string) => Buffer.from(hkdfSync('sha256', key.reveal(), '', use, 32));
  const keyBytes = derive('roadstead secrets');
  const macKey = derive('roadstead macs');
  return {
    seal(plain, purpose) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', keyBytes, nonce).setAAD(Buffer.from(purpose));
      const text = Buffer.concat([cipher.update(plain), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), text]);
    },
    open(sealed, purpose) {
      const bytes = Buffer.from(sealed);
      const tag = bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
      const decipher = createDecipheriv('aes-256-gcm', keyBytes, bytes.subarray(0, NONCE_BYTES))
        .setAAD(Buffer.from(purpose))
        .setAuthTag(tag);
      const text = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES));
      try {
        return Buffer.concat([text, decipher.final()]);
      } catch (cause) {
        throw new WrongKeyError(
          'a secret in the database can not be decrypted: secret_key is not the one it was encrypted with',
          { cause },
        );
      }
    },
    mac: (bytes, purpose) =>
      createHmac('sha256', macKey).update(purpose).update('\0').update(bytes).digest(),
  };
}
