import type { FastifyRequest } from 'fastify';

import { ANONYMOUS, type Caller } from '../features/access/index.ts';
import { findSessionUser, signIn } from '../features/accounts/index.ts';
import type { BearerTokens } from '../features/tokens/index.ts';
import { Refusal } from '../lib/errors.ts';
import { waitingClient } from '../platform/http/waiting-client.ts';
import type { Platform } from '../platform/index.ts';

/**
 * Who sends this request, from its Authorization header, or else the cookie of a session. Wrong credentials are a
 * 401, never "anonymous"; a session that is over is nobody's, as a browser can't help sending its cookie.
 */
export async function authenticate(
  platform: Platform,
  tokens: BearerTokens,
  request: FastifyRequest,
): Promise<Caller> {
  request.caller = ANONYMOUS; // as whom a refused request is logged
  const header = request.headers.authorization;
  const { ownCredentials } = request.routeOptions.config;
  if (ownCredentials === true) return ANONYMOUS;
  if (header === undefined) {
    const user = await findSessionUser(platform, request);
    return user === undefined ? ANONYMOUS : { user };
  }
  const [, scheme, credentials] = /^([A-Za-z]+) +(\S+) *$/.exec(header) ?? [];
  switch (scheme?.toLowerCase()) {
    case 'basic':
      return signInWithBasic(platform, credentials!, request);
    case 'bearer':
      if (!request.url.startsWith('/v2/')) {
        throw new Refusal(
          'UNAUTHORIZED',
          'unauthorized: bearer tokens are for /v2 only; use basic authentication',
        );
      }
      return tokens.verify(credentials!);
    default:
      throw new Refusal(
        'UNAUTHORIZED',
        'unauthorized: the Authorization header must be Basic or Bearer',
      );
  }
}

async function signInWithBasic(
  platform: Platform,
  credentials: string,
  request: FastifyRequest,
): Promise<Caller> {
  const text = Buffer.from(credentials, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  const [username, password] = [text.slice(0, Math.max(colon, 0)), text.slice(colon + 1)];
  if (colon < 1 || password === '') {
    throw new Refusal(
      'UNAUTHORIZED',
      'unauthorized: the Authorization header has no name and password',
    );
  }
  const client = waitingClient(request);
  return signIn(platform, { username, password, client });
}
