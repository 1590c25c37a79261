/** A worker process. The primary starts it and tells it what to do. */
import { toConfig } from '../../platform/config/index.ts';
import { connect } from '../../platform/db/connect.ts';
import { openLookups } from '../../platform/db/lookups.ts';
import { Disks } from '../../platform/disk/index.ts';
import { Recorder } from '../../platform/events/index.ts';
import type { Platform } from '../../platform/index.ts';
import { createLog } from '../../platform/log/index.ts';
import { createMetrics } from '../../platform/metrics/index.ts';
import { createSecretBox } from '../../platform/secret-box.ts';
import { openStorage } from '../../platform/storage/index.ts';
import { Secret } from '../../lib/secret.ts';
import type { Spending } from '../rate-limits.ts';
import { endOnFault } from './end-on-fault.ts';
import type { ToPrimary, ToWorker, WorkerStart } from './messages.ts';
import { MetricsFromPrimary } from './metrics-from-primary.ts';

// The primary may just be gone: whoever waits for it learns that from the end of the connection.
const send = (message: ToPrimary) => process.send?.(message, undefined, undefined, () => {});
const metricsFromPrimary = new MetricsFromPrimary((id) => send({ type: 'metrics', id }));
const metrics = createMetrics();
// Each role loads only what it needs.
const loading =
  process.argv[2] === 'jobs'
    ? import('./jobs-worker.ts').then(({ doJobs }) => doJobs)
    : import('./http-worker.ts').then(({ serve }) => serve);
const stopping = new AbortController();
let log = createLog({ level: 'error' });
let stop: (() => Promise<void>) | undefined;
let addSpending: ((spending: Spending) => void) | undefined;

async function openPlatform({
  config: values,
  database,
  secretKey,
}: WorkerStart): Promise<Platform> {
  const config = toConfig(values);
  log = createLog({ level: config.log.level });
  const db = connect(database, {
    poolSize: config.database.pool_size,
    statementTimeoutMs: config.database.statement_timeout_ms,
    applicationName: 'roadstead',
    maxWaiting: config.overload.waiting_queries,
    onIdleError: (error) => log.warn({ err: error }, 'database connection lost'),
  });
  return {
    config,
    db,
    lookups: openLookups(database, {
      poolSize: 4,
      applicationName: 'roadstead lookups',
      maxWaiting: config.overload.waiting_lookups,
      onIdleError: (error) => log.warn({ err: error }, 'database connection lost'),
    }),
    storage: await openStorage(config),
    disks: new Disks(config),
    secretBox: createSecretBox(new Secret(secretKey)),
    log,
    metrics,
    recorder: new Recorder({ db, log }),
    stopping: stopping.signal,
  };
}

async function start(message: WorkerStart): Promise<void> {
  const platform = await openPlatform(message);
  const work = await loading;
  const working = await work(platform, {
    collectMetrics: () => metricsFromPrimary.collect(),
    reportSpending: (spending) => send({ type: 'spent', spending }),
  });
  ({ stop, addSpending } = working);
  send({ type: 'started', port: working.port });
}

async function report(id: number): Promise<void> {
  send({ type: 'report', id, figures: await metrics.registry.getMetricsAsJSON() });
}

/** Ends this process when all requests are answered. */
function end(): void {
  stopping.abort();
  const stopped = stop?.() ?? Promise.resolve();
  stop = () => new Promise(() => {});
  stopped
    .catch((error: unknown) => log.error({ err: error }, 'worker not stopped as it should be'))
    .finally(() => process.exit(0));
}

endOnFault(log, 'worker failed');
// Ctrl-C reaches the whole process group; the primary decides what follows.
process.on('SIGINT', () => {});
process.on('SIGTERM', end);
process.on('message', (message: ToWorker) => {
  switch (message.type) {
    case 'start':
      start(message.start).catch((error: Error) => {
        send({ type: 'failed', message: error.message });
      });
      break;
    case 'stop':
      end();
      break;
    case 'metrics':
      metricsFromPrimary.receive(message.id, message.text);
      break;
    case 'spent':
      addSpending?.(message.spending);
      break;
    case 'report':
      report(message.id).catch((error: unknown) =>
        log.error({ err: error }, 'figures not reported'),
      );
      break;
    default: // the cluster's own messages
  }
});
send({ type: 'ready' });
