import { createHash, randomBytes } from 'node:crypto';

import type { FastifyReply, FastifyRequest } from 'fastify';

import type { Db } from '../../../platform/db/connect.ts';
import { readCookie, setCookie } from '../../../platform/http/cookies.ts';
import type { Platform } from '../../../platform/index.ts';
import type { SignedInUser } from '../../access/index.ts';
import { findSettings } from '../../settings/index.ts';
import * as store from './store.ts';

/** Harbor's name for it. */
const COOKIE = 'sid';
const TOKEN = /^[\w-]{43}$/;

/** Whether the request comes with the cookie of a session, open or not. */
export const carriesSession = (request: FastifyRequest): boolean =>
  readCookie(request, COOKIE) !== undefined;

const hashOf = (token: string) => createHash('sha256').update(token).digest();

/**
 * Who has signed in with the session whose cookie comes with the request; undefined when there is none or it is
 * over. The session lives on, unless the request says that nobody is looking.
 */
export async function findSessionUser(
  { db, lookups }: Pick<Platform, 'db' | 'lookups'>,
  request: FastifyRequest,
): Promise<SignedInUser | undefined> {
  const token = readCookie(request, COOKIE);
  if (token === undefined || !TOKEN.test(token)) return undefined;
  const { session_timeout: minutes } = await findSettings(lookups);
  const session = await store.findOpenSession(lookups, { tokenHash: hashOf(token), minutes });
  if (session === undefined) return undefined;
  const isWatched = request.headers['x-harbor-no-session-renewal'] === undefined;
  if (session.is_due && isWatched) await store.renewSession(db, session.session_id);
  request.sessionId = session.session_id;
  return {
    id: session.user_id,
    username: session.username,
    isSysadmin: session.is_sysadmin,
    passwordChangedAt: session.password_changed_at,
  };
}

/** Begins a session and sets its cookie. The one that came with the request, if any, is over. */
export async function beginSession(
  { config, lookups }: Pick<Platform, 'config' | 'lookups'>,
  tx: Db,
  { request, reply, user }: { request: FastifyRequest; reply: FastifyReply; user: SignedInUser },
): Promise<void> {
  const token = randomBytes(32).toString('base64url');
  const { session_timeout: minutes } = await findSettings(lookups);
  await endSession(tx, request);
  const session = {
    token_hash: hashOf(token),
    user_id: user.id,
    password_changed_at: user.passwordChangedAt,
    address: request.address,
    client: (request.headers['user-agent'] ?? '').slice(0, 255),
  };
  await store.insertSession(tx, session, { minutes });
  setCookie(request, reply, config.external_url, { name: COOKIE, value: token, sameSite: 'Lax' });
}

export const clearSessionCookie = (
  { config }: Pick<Platform, 'config'>,
  request: FastifyRequest,
  reply: FastifyReply,
): void =>
  setCookie(request, reply, config.external_url, {
    name: COOKIE,
    value: '',
    sameSite: 'Lax',
    maxAgeSeconds: 0,
  });

/** Ends the session whose cookie came with the request, if there is one. */
export async function endSession(db: Db, { caller, sessionId }: FastifyRequest): Promise<void> {
  if (sessionId !== undefined) await store.deleteSession(db, caller.user!.id, sessionId);
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The session in which the caller has signed in. */
    sessionId?: number;
  }
}
