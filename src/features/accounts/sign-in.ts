import { createHmac, randomBytes } from 'node:crypto';

import { clock } from '../../lib/clock.ts';
import { Refusal } from '../../lib/errors.ts';
import { LruMap } from '../../lib/lru-map.ts';
import { networkOf } from '../../lib/network-of.ts';
import type { Lookups } from '../../platform/db/lookups.ts';
import type { WaitingClient } from '../../platform/http/waiting-client.ts';
import type { Platform } from '../../platform/index.ts';
import type { Caller, SignedInUser } from '../access/index.ts';
import { findAccount, toSignedIn } from './find-account.ts';
import { inTurn, verifyPassword } from './password.ts';
import { isGenerated, matchesGenerated } from './robots/secret.ts';
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
): Promise<Caller> {
  const account = await findAccount(platform, username);
  const hashes = account?.hashes ?? [];
  const chosen = hashes.filter((hash) => !isGenerated(hash));
  const tried = { username: account?.name ?? username, password, client };
  const right =
    hashes.find((hash) => matchesGenerated(password, hash)) ??
    (await findRightHash(platform, chosen, tried));
  if (right !== undefined) return account!.admit(right);
  throw new Refusal('UNAUTHORIZED', 'unauthorized: the user name or the password is wrong');
}

/** Passes when that is the password of the user; wrong ones count, and are refused, as where they sign in. */
export async function requirePassword(
  platform: SignInPlatform,
  { username, password_hash }: store.Credential,
  { password, client }: Omit<Attempt, 'username'>,
): Promise<void> {
  const hashes = password_hash === null ? [] : [password_hash];
  if ((await findRightHash(platform, hashes, { username, password, client })) !== undefined) return;
  throw new Refusal('UNAUTHORIZED', 'unauthorized: the password is wrong');
}

/** Which of the hashes is that of the password. Without any it takes as long, and there is none. */
async function findRightHash(
  platform: SignInPlatform,
  hashes: string[],
  { username, password, client }: Attempt,
): Promise<string | undefined> {
  const keys = (hashes.length === 0 ? [undefined] : hashes).map((hash) => ({
    hash,
    memory: memoryKey(hash ?? `nobody ${username}`, password),
  }));
  const known = keys.find(({ memory }) => isRemembered(memory));
  if (known !== undefined) return known.hash;

  const network = networkOf(client.address);
  const subjects = [
    `account:${username.slice(0, 255).toLowerCase()}@${network}`,
    `address:${network}`,
  ].map((subject) => subject.replaceAll('\0', '')) as [string, string];
  await requireNotBlocked(platform, subjects);
  const shared = `${keys.map(({ memory }) => memory).join()} ${network}`;
  return shareTry(shared, client, () => tryPassword(platform, { password, keys, subjects }));
}

export type SignInPlatform = Pick<Platform, 'db' | 'lookups' | 'metrics' | 'log'>;

const tries = new Map<string, { answer: Promise<string | undefined>; clients: WaitingClient[] }>();

/** Waits for a turn. Whoever tries the same password from the same network meanwhile shares it. */
function shareTry(
  key: string,
  client: WaitingClient,
  work: () => Promise<string | undefined>,
): Promise<string | undefined> {
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
  keys: { hash: string | undefined; memory: string }[];
  subjects: [account: string, address: string];
}

async function tryPassword(
  { db, metrics }: SignInPlatform,
  { password, keys, subjects }: Try,
): Promise<string | undefined> {
  const known = keys.find(({ memory }) => isRemembered(memory));
  if (known !== undefined) return known.hash; // it was tried from elsewhere meanwhile
  // Many may have been tried at once: behind the free ones nobody learns which of them was right.
  await requireNotBlocked({ db, metrics }, subjects);
  let right: (typeof keys)[number] | undefined;
  for (const key of keys) if (await verifyPassword(password, key.hash)) right = key;
  await requireNotBlocked({ db, metrics }, subjects);
  if (right !== undefined) {
    metrics.signIns.inc({ result: 'accepted' });
    await store.forgetFailures(db, [subjects[0]]);
    remember(right.memory);
  } else {
    await store.recordFailure(db, subjects[0], ACCOUNT_POLICY);
    await store.recordFailure(db, subjects[1], ADDRESS_POLICY);
    metrics.signIns.inc({ result: 'refused' });
  }
  return right?.hash;
}

async function requireNotBlocked(
  { db, metrics }: Pick<SignInPlatform, 'db' | 'metrics'>,
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
