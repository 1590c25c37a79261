import { argon2, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

import { Refusal } from '../../lib/errors.ts';
import { createLimiter } from '../../lib/limiter.ts';

const derive = promisify(argon2);

/** OWASP's recommendation for argon2id: 19 MiB, two passes, one lane. */
const PARAMETERS = { memory: 19_456, passes: 2, parallelism: 1 };
const SALT_BYTES = 16;
const TAG_BYTES = 32;
const PHC = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/** Hashing takes a thread that files need too: so one at a time, and a bounded queue. */
const limiter = createLimiter({ running: 1, waiting: 200 });

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64').replaceAll('=', '');

/** Gives an argon2id hash in PHC form. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const { memory, passes, parallelism } = PARAMETERS;
  const tag = await deriveTag(password, salt, PARAMETERS, TAG_BYTES);
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(salt)}$${base64(tag)}`;
}

/** Whether the password belongs to the hash. Without a hash it takes as long and is false. */
export async function verifyPassword(password: string, hash: string | undefined): Promise<boolean> {
  const match = PHC.exec(hash ?? '');
  if (match === null) {
    await hashPassword(password);
    return false;
  }
  const [memory, passes, parallelism] = match.slice(1, 4).map(Number) as [number, number, number];
  const salt = Buffer.from(match[4]!, 'base64');
  const expected = Buffer.from(match[5]!, 'base64');
  const tag = await deriveTag(password, salt, { memory, passes, parallelism }, expected.byteLength);
  return timingSafeEqual(tag, expected);
}

async function deriveTag(
  password: string,
  nonce: Buffer,
  parameters: typeof PARAMETERS,
  tagLength: number,
): Promise<Buffer> {
  return limiter.run(() =>
    derive('argon2id', { message: password, nonce, tagLength, ...parameters }),
  );
}

/** Harbor's rule for passwords and secrets: 8 to 128 characters with a lower, an upper and a digit. */
export function requireStrongPassword(password: string): void {
  const isStrong =
    password.length >= 8 &&
    password.length <= 128 &&
    /[a-z]/.test(password) &&
    /[A-Z]/.test(password) &&
    /[0-9]/.test(password);
  if (isStrong) return;
  throw new Refusal(
    'BAD_REQUEST',
    'bad request: a password has 8 to 128 characters with at least one lower-case letter, one upper-case letter and one digit',
  );
}

/** No characters that look alike or that a shell would read. */
const ALPHABET = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';

/** A password that passes the rule, with more than 128 bits of chance. */
export function generatePassword(): string {
  for (;;) {
    const password = Array.from({ length: 24 }, () => ALPHABET[randomInt(ALPHABET.length)]).join(
      '',
    );
    if (/[a-z]/.test(password) && /[A-Z]/.test(password) && /[0-9]/.test(password)) return password;
  }
}
