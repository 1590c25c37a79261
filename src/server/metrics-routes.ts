import { timingSafeEqual } from 'node:crypto';

import { Refusal } from '../lib/errors.ts';
import type { Routes } from '../platform/http/routes.ts';

export type CollectMetrics = () => Promise<{ contentType: string; text: string }>;

/** `/metrics` for Prometheus, with a token if one is configured. */
export const metricsRoutes =
  (collect: CollectMetrics): Routes =>
  (app, { config }) => {
    app.get(
      '/metrics',
      { schema: { hide: true }, config: { open: true, ownCredentials: true } },
      async (request, reply) => {
        const { token } = config.metrics;
        if (
          token !== undefined &&
          !isSame(request.headers.authorization, `Bearer ${token.reveal()}`)
        ) {
          throw new Refusal(
            'UNAUTHORIZED',
            'unauthorized: /metrics wants the token of metrics.token',
            { headers: { 'www-authenticate': 'Bearer realm="metrics"' } },
          );
        }
        const { contentType, text } = await collect();
        return reply.type(contentType).send(text);
      },
    );
  };

function isSame(given: string | undefined, wanted: string): boolean {
  const [a, b] = [Buffer.from(given ?? ''), Buffer.from(wanted)];
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}
