import { setTimeout as sleep } from 'node:timers/promises';

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

interface Primary {
  collectMetrics: CollectMetrics;
  reportSpending(spending: Spending): void;
}

/** Answers requests. `stop` gives load balancers time to notice, and then lets requests finish. */
export async function serve(platform: Platform, primary: Primary): Promise<Serving> {
  const { config, db, lookups, log, recorder } = platform;
  const tls = await readTls(config.tls);
  const rateLimits = createRateLimits({ ...platform, report: primary.reportSpending });
  const app = await createApp(platform, {
    collectMetrics: primary.collectMetrics,
    rateLimits,
    ...(tls === undefined ? {} : { tls }),
  });
  const tlsTimer = tls === undefined ? undefined : reloadTls(app.server, config.tls, log);
  const port = await listen(app, config, log);
  // Node ends a worker whose primary is gone. The next server wants the port, also while what is written still has to end.
  process.once('exit', () => app.server.close());
  recorder.start();
  return {
    port,
    addSpending: (spending) => rateLimits?.add(spending),
    async stop() {
      clearInterval(tlsTimer);
      await sleep(config.shutdown_delay_ms);
      await drain(app, config.shutdown_timeout_ms, log);
      await recorder.stop();
      await Promise.all([db.destroy(), lookups.destroy()]);
    },
  };
}
