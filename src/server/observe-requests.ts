import { callerName } from '../features/access/index.ts';
import type { App } from '../platform/http/routes.ts';
import type { Platform } from '../platform/index.ts';

/** Gives every answer its request id, and every request a log line and its figures. */
export function observeRequests(app: App, { config, metrics }: Platform): void {
  app.addHook('onRequest', async (request, reply) => {
    metrics.requestsRunning.inc();
    reply.header('x-request-id', request.id).header('x-content-type-options', 'nosniff');
    // Old clients tell a registry by it, on refusals too.
    if (request.url.startsWith('/v2/')) {
      reply.header('docker-distribution-api-version', 'registry/2.0');
    }
  });

  app.addHook('onResponse', async (request, reply) => {
    metrics.requestsRunning.dec();
    const labels = { method: request.method, route: request.routeOptions.url ?? 'none' };
    metrics.requests.inc({ ...labels, status: reply.statusCode });
    metrics.requestSeconds.observe(labels, reply.elapsedTime / 1000);
    if (!config.log.requests) return;
    request.log.info(
      {
        method: request.method,
        path: request.originalUrl.split('?')[0],
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime * 10) / 10,
        user: callerName(request.caller),
        address: request.ip,
        client: request.headers['user-agent'],
      },
      'request answered',
    );
  });
}
