import type { Http2ServerRequest } from 'node:http2';

import type { FastifyRequest } from 'fastify';

/** Whoever waits for an answer. */
export interface WaitingClient {
  address: string;
  /** Whether it went away: nobody would read the answer. */
  isGone(): boolean;
}

export function waitingClient({ address, raw }: FastifyRequest): WaitingClient {
  const connection = 'stream' in raw ? (raw as unknown as Http2ServerRequest).stream : raw.socket;
  return { address, isGone: () => connection.destroyed };
}
