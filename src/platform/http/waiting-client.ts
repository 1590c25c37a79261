import type { Http2ServerRequest } from 'node:http2';

import type { FastifyRequest } from 'fastify';

/** Whoever waits for an answer. */
export interface WaitingClient {
  address: string;
  /** From where and with what, for rows that say so. */
  description: string;
  /** Whether it went away: nobody would read the answer. */
  isGone(): boolean;
}

export function waitingClient(request: FastifyRequest): WaitingClient {
  const { address, raw } = request;
  const connection = 'stream' in raw ? (raw as unknown as Http2ServerRequest).stream : raw.socket;
  return { address, description: describeClient(request), isGone: () => connection.destroyed };
}

/** The address, a blank, the user agent. */
export function describeClient({
  address,
  headers,
}: Pick<FastifyRequest, 'address' | 'headers'>): string {
  return `${address} ${headers['user-agent'] ?? ''}`.trim().slice(0, 255);
}
