import { createHash, timingSafeEqual } from 'node:crypto';

import type { WaitingClient } from '../../../platform/http/waiting-client.ts';
import { generatePassword, hashPassword, inTurn, requireStrongPassword } from '../password.ts';

/** 185 bits of chance: nobody finds it by trying, so a quick hash keeps it, and a sign-in with it costs nothing. */
const LENGTH = 32;
const PREFIX = 'sha256:';

const quickHash = (secret: string): string =>
  PREFIX + createHash('sha256').update(secret).digest('base64');

export interface NewSecret {
  hash: string;
  /** What is shown, once. */
  secret: string;
}

export function generateSecret(): NewSecret {
  const secret = generatePassword(LENGTH);
  return { hash: quickHash(secret), secret };
}

/** One that somebody has chosen is kept as passwords are. */
export async function chooseSecret(secret: string, client: WaitingClient): Promise<NewSecret> {
  requireStrongPassword(secret);
  return { hash: await inTurn(client, () => hashPassword(secret)), secret };
}

export const isGenerated = (hash: string): boolean => hash.startsWith(PREFIX);

export function matchesGenerated(secret: string, hash: string): boolean {
  const [given, kept] = [quickHash(secret), hash].map((text) => Buffer.from(text));
  return given!.length === kept!.length && timingSafeEqual(given!, kept!);
}
