import type { App } from '../../platform/http/routes.ts';
import type { Log } from '../../platform/log/index.ts';

const SWEEP_MS = 200;

/** Takes no new connections, lets running requests finish, and breaks off what takes longer than allowed. */
export async function drain(app: App, timeoutMs: number, log: Log): Promise<void> {
  const { server } = app;
  // A connection whose answer had begun before is idle, not closed, when the answer ends.
  const sweep = setInterval(() => server.closeIdleConnections?.(), SWEEP_MS);
  const giveUp = setTimeout(() => {
    log.warn({ timeoutMs }, 'requests broken off');
    server.closeAllConnections?.();
  }, timeoutMs);
  try {
    await app.close();
  } finally {
    clearInterval(sweep);
    clearTimeout(giveUp);
  }
}
