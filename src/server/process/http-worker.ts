import type { Platform } from '../../platform/index.ts';
import { createApp } from '../app.ts';
import type { CollectMetrics } from '../metrics-routes.ts';
import { createRateLimits, type Spending } from '../rate-limits.ts';
import { drain } from './drain.ts';
import { listen } from './listen.ts';
import { readTls, reloadTls } from './tls.ts';

interface Serving {
  port: number;
  /** What the other workers of this node let through. */
  addSpending(spending: Spending): void;
  stop(): Promise<void>;
}

/** Answers requests. `stop` lets them finish. */
export async function serve(
  platform: Platform,
  toPrimary: { collectMetrics: CollectMetrics; reportSpending: (spending: Spending) => void },
): Promise<Serving> {
  const { config, db, lookups, log } = platform;
  const tls = await readTls(config.tls);
  const rateLimits = createRateLimits({ ...platform, report: toPrimary.reportSpending });
  const app = await createApp(platform, {
    collectMetrics: toPrimary.collectMetrics,
    rateLimits,
    ...(tls === undefined ? {} : { tls }),
  });
  const tlsTimer = tls === undefined ? undefined : reloadTls(app.server, config.tls, log);
  const port = await listen(app, config, log);
  return {
    port,
    addSpending: (spending) => rateLimits?.add(spending),
    async stop() {
      clearInterval(tlsTimer);
      await drain(app, config.shutdown_timeout_ms, log);
      await Promise.all([db.destroy(), lookups.destroy()]);
    },
  };
}
