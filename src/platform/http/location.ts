import type { FastifyRequest } from 'fastify';

/** Where something is found that this request has made: under the path it was made at. */
export function locationOf({ url }: FastifyRequest, id: string | number): string {
  return `${url.split('?', 1)[0]!.replace(/\/$/, '')}/${id}`;
}
