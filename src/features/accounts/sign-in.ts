import { createHmac, randomBytes } from 'node:crypto';

import { clock } from '../../lib/clock.ts';
import { Refusal } from '../../lib/errors.ts';
import { LruMap } from '../../lib/lru-map.ts';
import { networkOf } from '../../lib/network-of.ts';
import type { Lookups } from '../../platform/db/lookups.ts';
import type { WaitingClient } from '../../platform/http/waiting-client.ts';
import type { Platform } from '../../platform/index.ts';
import type { SignedInUser } from '../access/index.ts';
import { inTurn, verifyPassword } from './password.ts';
import * as store from './store.ts';

/** Failures are counted for the account at one address (IPv6: network), and for the address whatever the account. */
const ACCOUNT_POLICY = { free: 5, maxSeconds: 60 };
const ADDRESS_POLICY = { free: 50, maxSeconds: 30 };

/** Clients send the password with every request; hashing it each time would take the machine down. */
const REMEMBERED_MS = 5 * 60_000;
const processKey = randomBytes(32);
const remembered = new LruMap<string, number>(10_000);

export interface Attempt {
  username: string;
  password: string;
  client: WaitingClient;
}

/**
 * Who these credentials belong to. Refuses wrong ones with 401, in the same time whether the account
 * exists or not, and with 429 for a while after many wrong ones.
 */
export async function signIn(
  platform: SignInPlatform,
  { username, password, client }: Attempt,
): Promise<SignedInUser> {
  // NUL can't be in a PostgreSQL text, so it is in no name.
  const account = username.includes('\0')
    ? undefined
    : await store.findCredential(platform.lookups, { username });
  const hash = account?.password_hash ?? undefined;
  const memory = memoryKey(hash ?? `nobody ${username}`, password);
  if (isRemembered(memory)) return toSignedIn(account!);

  const network = networkOf(client.address);
  const subjects = [
    `account:${username.slice(0, 255).toLowerCase()}@${network}`,
    `address:${network}`,
  ].map((subject) => subject.replaceAll('\0', '')) as [string, string];
  await requireNotBlocked(platform, subjects);
  const isRight = await shareTry(`${memory} ${network}`, client, () =>
    tryPassword(platform, { password, hash, memory, subjects }),
  );
  if (isRight) return toSignedIn(account!);
  throw new Refusal('UNAUTHORIZED', 'unauthorized: the user name or the password is wrong');
}

export type SignInPlatform = Pick<Platform, 'db' | 'lookups' | 'metrics'>;

const tries = new Map<string, { answer: Promise<boolean>; clients: WaitingClient[] }>();

/** Waits for a turn. Whoever tries the same password from the same network meanwhile shares it. */
function shareTry(
  key: string,
  client: WaitingClient,
  work: () => Promise<boolean>,
): Promise<boolean> {
  const shared = tries.get(key);
  if (shared !== undefined) {
    shared.clients.push(client);
    return shared.answer;
  }
  const clients = [client];
  const isGone = () => clients.every((one) => one.isGone());
  const answer = inTurn({ ...client, isGone }, work).finally(() => tries.delete(key));
  tries.set(key, { answer, clients });
  return answer;
}

interface Try {
  password: string;
  hash: string | undefined;
  memory: string;
  subjects: [account: string, address: string];
}

async function tryPassword(
  { db, metrics }: SignInPlatform,
  { password, hash, memory, subjects }: Try,
): Promise<boolean> {
  if (isRemembered(memory)) return true; // it was tried from elsewhere meanwhile
  // Many may have been tried at once: behind the free ones nobody learns which of them was right.
  await requireNotBlocked({ db, metrics }, subjects);
  const isRight = await verifyPassword(password, hash);
  await requireNotBlocked({ db, metrics }, subjects);
  if (isRight) {
    metrics.signIns.inc({ result: 'accepted' });
    await store.forgetFailures(db, [subjects[0]]);
    remember(memory);
  } else {
    await store.recordFailure(db, subjects[0], ACCOUNT_POLICY);
    await store.recordFailure(db, subjects[1], ADDRESS_POLICY);
    metrics.signIns.inc({ result: 'refused' });
  }
  return isRight;
}

async function requireNotBlocked(
  { db, metrics }: Omit<SignInPlatform, 'lookups'>,
  subjects: string[],
): Promise<void> {
  const seconds = await store.findBlockedSeconds(db, subjects);
  if (seconds === 0) return;
  metrics.signIns.inc({ result: 'blocked' });
  throw new Refusal('TOOMANYREQUESTS', `too many failed sign-ins; try again in ${seconds} s`, {
    headers: { 'retry-after': String(seconds) },
  });
}

/** The user as they are now; undefined when they are gone. */
export async function findSignedInUser(
  lookups: Lookups,
  id: number,
): Promise<SignedInUser | undefined> {
  const user = await store.findCredential(lookups, { id });
  return user && toSignedIn(user);
}

function toSignedIn(user: store.Credential): SignedInUser {
  return {
    id: user.id,
    username: user.username,
    isSysadmin: user.is_sysadmin,
    passwordChangedAt: user.password_changed_at,
  };
}

/** The stored hash is part of the key: a changed password is forgotten at once. */
function memoryKey(hash: string, password: string): string {
  return createHmac('sha256', processKey)
    .update(hash)
    .update('\0')
    .update(password)
    .digest('base64');
}

const remember = (key: string) => remembered.set(key, clock.now().getTime() + REMEMBERED_MS);

/** Use makes it remembered for longer. */
function isRemembered(key: string): boolean {
  const until = remembered.get(key);
  if (until === undefined || until <= clock.now().getTime()) return false;
  remember(key);
  return true;
}
