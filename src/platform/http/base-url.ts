import type { FastifyRequest } from 'fastify';

/** The URL that clients know us by, without a slash at the end: configured, or as this request came in. */
export function baseUrlOf(request: FastifyRequest, externalUrl: string | undefined): string {
  if (externalUrl !== undefined) return externalUrl.replace(/\/$/, '');
  // A Host that could end the quoted realm of a challenge is not repeated.
  const host = /^[\w.:[\]-]+$/.test(request.host) ? request.host : 'localhost';
  return `${request.protocol === 'https' ? 'https' : 'http'}://${host}`;
}

export const isHttps = (request: FastifyRequest, externalUrl: string | undefined): boolean =>
  baseUrlOf(request, externalUrl).startsWith('https:');
