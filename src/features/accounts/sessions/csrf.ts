import { randomBytes, timingSafeEqual } from 'node:crypto';

import type { FastifyReply, FastifyRequest } from 'fastify';

import { Refusal } from '../../../lib/errors.ts';
import { readCookie, setCookie } from '../../../platform/http/cookies.ts';
import type { Platform } from '../../../platform/index.ts';
import { carriesSession } from './session.ts';

/** As Harbor's clients know them. */
const HEADER = 'x-harbor-csrf-token';
const COOKIE = '_gorilla_csrf';
const MAX_AGE_SECONDS = 12 * 3600;
const PURPOSE = 'csrf token';

const SEED = /^[\w-]{43}$/;
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/**
 * Keeps other sites from making a browser send what its user may. Who comes with the cookie of a session, or to its
 * paths, must show in a header that they could read our replies: a token made from the cookie `_gorilla_csrf`, which
 * every reply to them has. Everybody else shows their credentials themselves.
 */
export function createForgeryCheck({ config, secretBox }: Pick<Platform, 'config' | 'secretBox'>) {
  const tokenOf = (seed: string) => secretBox.mac(Buffer.from(seed), PURPOSE).toString('base64url');

  return {
    /** Sees whether the request has a token, and gives the reply one. */
    readToken(request: FastifyRequest, reply: FastifyReply): void {
      if (!isAsked(request) && request.headers[HEADER] === undefined) return;
      const given = readCookie(request, COOKIE);
      const seed = given !== undefined && SEED.test(given) ? given : undefined;
      request.hasToken = seed !== undefined && isEqual(request.headers[HEADER], tokenOf(seed));
      attachToken(request, reply, seed);
    },

    /** Passes when the request changes nothing, or nobody else has made its browser send it. */
    requireOwn(request: FastifyRequest): void {
      if (SAFE.has(request.method)) return;
      if (/^(cross|same)-site$/.test(String(request.headers['sec-fetch-site']))) {
        throw new Refusal('FORBIDDEN', 'forbidden: this request comes from another site');
      }
      if (!isAsked(request) || request.hasToken === true) return;
      throw new Refusal(
        'FORBIDDEN',
        'forbidden: the CSRF token is missing or not valid; send the cookie _gorilla_csrf and the header X-Harbor-CSRF-Token of this reply',
      );
    },
  };

  function attachToken(request: FastifyRequest, reply: FastifyReply, given: string | undefined) {
    const seed = given ?? randomBytes(32).toString('base64url');
    void reply.header(HEADER, tokenOf(seed));
    if (given !== undefined) return;
    setCookie(request, reply, config.external_url, {
      name: COOKIE,
      value: seed,
      sameSite: 'Strict',
      maxAgeSeconds: MAX_AGE_SECONDS,
    });
  }
}

const isAsked = (request: FastifyRequest): boolean =>
  carriesSession(request) || request.url.startsWith('/c/');

function isEqual(given: unknown, wanted: string): boolean {
  const [a, b] = [Buffer.from(String(given)), Buffer.from(wanted)];
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Whether the request shows that our own pages, or a client that keeps to their protocol, have sent it. */
    hasToken?: boolean;
  }
}
