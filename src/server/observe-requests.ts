import type { FastifyReply, FastifyRequest } from 'fastify';

import { ANONYMOUS, callerName } from '../features/access/index.ts';
import type { Config } from '../platform/config/index.ts';
import type { Platform } from '../platform/index.ts';
import { clientAddress } from './client-address.ts';

/** HTTP/2 takes any word for a method, and a label must have few values. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
/** The client went away before it had the whole answer; the number is nginx's. */
const BROKEN_OFF = 499;
/** Lines of several processes go through one pipe, which keeps only lines below 4 KiB in one piece. */
const MOST_CHARACTERS = { method: 32, path: 512, client: 256 };

type Observer = Pick<Platform, 'config' | 'metrics'>;

/** Gives the answer its request id, and the request its plain address, a log line and its figures. */
export function observeRequest(
  request: FastifyRequest,
  reply: FastifyReply,
  { config, metrics }: Observer,
): void {
  const address = clientAddress(request);
  request.address = address;
  metrics.requestsRunning.inc();
  reply.header('x-request-id', request.id).header('x-content-type-options', 'nosniff');
  // Old clients tell a registry by it, on refusals too.
  if (request.url.startsWith('/v2/')) {
    reply.header('docker-distribution-api-version', 'registry/2.0');
  }

  // Not Fastify's onResponse: that never comes when the client goes away.
  reply.raw.once('close', () => {
    const status = reply.raw.writableFinished ? reply.statusCode : BROKEN_OFF;
    const method = METHODS.has(request.method) ? request.method : 'other';
    const labels = { method, route: request.routeOptions.config?.url ?? 'none' };
    metrics.requestsRunning.dec();
    metrics.requests.inc({ ...labels, status });
    metrics.requestSeconds.observe(labels, reply.elapsedTime / 1000);
    if (!isLogged(config.log.requests, request, status)) return;
    request.log.info(
      {
        method: request.method.slice(0, MOST_CHARACTERS.method),
        path: request.originalUrl.split('?')[0]!.slice(0, MOST_CHARACTERS.path),
        status,
        ms: Math.round(reply.elapsedTime * 10) / 10,
        user: callerName(request.caller ?? ANONYMOUS), // null before sign-in, and when that failed
        address,
        client: request.headers['user-agent']?.slice(0, MOST_CHARACTERS.client),
      },
      'request answered',
    );
  });
}

function isLogged(
  which: Config['log']['requests'],
  { method, headers }: FastifyRequest,
  status: number,
): boolean {
  if (which !== 'changes') return which === 'all';
  if (method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS') return true;
  // A challenge begins every sign-in, and a client looks for a blob before it pushes it.
  const isOrdinary = status === 404 || (status === 401 && headers.authorization === undefined);
  return status >= 400 && !isOrdinary;
}
