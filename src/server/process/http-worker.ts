import type { Platform } from '../../platform/index.ts';
import { createApp } from '../app.ts';
import type { CollectMetrics } from '../metrics-routes.ts';
import { drain } from './drain.ts';
import { listen } from './listen.ts';
import { readTls, reloadTls } from './tls.ts';

/** Answers requests. `stop` lets them finish. */
export async function serve(
  platform: Platform,
  collectMetrics: CollectMetrics,
): Promise<{ port: number; stop: () => Promise<void> }> {
  const { config, db, lookups, log } = platform;
  const tls = await readTls(config.tls);
  const app = await createApp(platform, {
    collectMetrics,
    ...(tls === undefined ? {} : { tls }),
  });
  const tlsTimer = tls === undefined ? undefined : reloadTls(app.server, config.tls, log);
  const port = await listen(app, config, log);
  return {
    port,
    async stop() {
      clearInterval(tlsTimer);
      await drain(app, config.shutdown_timeout_ms, log);
      await Promise.all([db.destroy(), lookups.destroy()]);
    },
  };
}
