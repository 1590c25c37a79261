import { argon2, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

import { Refusal } from '../../lib/errors.ts';
import { createFairQueue } from '../../lib/fair-queue.ts';
import { networkOf } from '../../lib/network-of.ts';
import type { WaitingClient } from '../../platform/http/waiting-client.ts';

const derive = promisify(argon2);

/** OWASP's recommendation for argon2id: 19 MiB, two passes, one lane. */
const PARAMETERS = { memory: 19_456, passes: 2, parallelism: 1 };
const SALT_BYTES = 16;
const TAG_BYTES = 32;
const PHC = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/**
 * Hashing takes a thread that files need too: so one at a time in each worker. Networks take turns, so that
 * nobody who guesses keeps others from signing in.
 */
const queue = createFairQueue({ running: 1, waiting: 2000, waitingOfOwner: 16 });

/** Whoever hashes for a request does it in here. */
export function inTurn<T>({ address, isGone }: WaitingClient, work: () => Promise<T>): Promise<T> {
  return queue.run({ owner: networkOf(address), isGone }, work);
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64').replaceAll('=', '');

/** Gives an argon2id hash in PHC form. */
export async function hashPassword(password: string): Promise<string> {
  const nonce = randomBytes(SALT_BYTES);
  const { memory, passes, parallelism } = PARAMETERS;
  const tag = await derive('argon2id', {
    message: password,
    nonce,
    tagLength: TAG_BYTES,
    ...PARAMETERS,
  });
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${base64(nonce)}$${base64(tag)}`;
}

/** Whether the password belongs to the hash. Without a hash it takes as long and is false. */
export async function verifyPassword(password: string, hash: string | undefined): Promise<boolean> {
  const match = PHC.exec(hash ?? '');
  if (match === null) {
    await hashPassword(password);
    return false;
  }
  const [memory, passes, parallelism] = match.slice(1, 4).map(Number) as [number, number, number];
  const nonce = Buffer.from(match[4]!, 'base64');
  const expected = Buffer.from(match[5]!, 'base64');
  const tag = await derive('argon2id', {
    message: password,
    nonce,
    tagLength: expected.byteLength,
    memory,
    passes,
    parallelism,
  });
  return timingSafeEqual(tag, expected);
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

/** A password that passes the rule: 24 characters have more than 128 bits of chance. */
export function generatePassword(length = 24): string {
  for (;;) {
    const password = Array.from({ length }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
    if (/[a-z]/.test(password) && /[A-Z]/.test(password) && /[0-9]/.test(password)) return password;
  }
}
