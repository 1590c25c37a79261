import type { FastifyReply, FastifyRequest } from 'fastify';

import { isHttps } from './base-url.ts';

/** The value of a cookie of the request. */
export function readCookie({ headers }: FastifyRequest, name: string): string | undefined {
  const pairs = headers.cookie?.split(';').map((pair) => pair.trim()) ?? [];
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
}

interface Cookie {
  name: string;
  value: string;
  sameSite: 'Lax' | 'Strict';
  /** Without, it ends with the browser; 0 deletes it. */
  maxAgeSeconds?: number;
}

/** Sets a cookie for the whole site that scripts can't read, and that goes over HTTPS only where clients come by it. */
export function setCookie(
  request: FastifyRequest,
  reply: FastifyReply,
  externalUrl: string | undefined,
  { name, value, sameSite, maxAgeSeconds }: Cookie,
): void {
  const parts = [
    `${name}=${value}`,
    'Path=/',
    'HttpOnly',
    `SameSite=${sameSite}`,
    ...(maxAgeSeconds === undefined ? [] : [`Max-Age=${maxAgeSeconds}`]),
    ...(isHttps(request, externalUrl) ? ['Secure'] : []),
  ];
  void reply.header('set-cookie', parts.join('; '));
}
