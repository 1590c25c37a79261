import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { AggregatorRegistry } from 'prom-client';

import type { Log } from '../../platform/log/index.ts';
import type { ToPrimary, ToWorker, WorkerStart } from './messages.ts';

/** A worker that ends sooner than this is started again only after a pause. */
const EARLY_MS = 5000;
const PAUSE_MS = 2000;

export interface WorkerPool {
  /** Resolves when all workers listen; rejects when one can't. */
  listening: Promise<void>;
  /** Lets all workers finish their requests and end. */
  stop(): Promise<void>;
  /** Ends them at once. */
  kill(): void;
}

/** Starts the HTTP workers and keeps their number: one that dies is replaced. */
export function startWorkers(count: number, start: WorkerStart, log: Log): WorkerPool {
  // The kernel hands connections out: no process in between.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.setupPrimary({
    exec: fileURLToPath(new URL('./worker-main.ts', import.meta.url)),
    args: [],
  });
  const metrics = new AggregatorRegistry();
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  let isStopping = false;
  let listeningCount = 0;
  const say = (worker: Worker, message: ToWorker) => {
    if (worker.isConnected()) worker.send(message);
  };

  function fork(): void {
    const worker = cluster.fork();
    const begin = performance.now();
    worker.on('message', (message: ToPrimary) => void receive(worker, message));
    worker.on('exit', (code, signal) => {
      if (isStopping) return;
      log.error({ worker: worker.process.pid, code, signal }, 'worker ended, starting another');
      const isEarly = performance.now() - begin < EARLY_MS;
      setTimeout(() => isStopping || fork(), isEarly ? PAUSE_MS : 0);
    });
  }

  async function receive(worker: Worker, message: ToPrimary): Promise<void> {
    switch (message.type) {
      case 'ready':
        say(worker, { type: 'start', start });
        break;
      case 'listening':
        listeningCount += 1;
        if (listeningCount === count) resolve();
        break;
      case 'failed':
        log.error(
          { worker: worker.process.pid, reason: message.message },
          'worker failed to start',
        );
        reject(new Error(message.message));
        worker.kill('SIGKILL');
        break;
      case 'metrics': {
        const text = await metrics.clusterMetrics().catch(() => '');
        say(worker, { type: 'metrics', id: message.id, text });
        break;
      }
      default: // prom-client's own messages
    }
  }

  for (let i = 0; i < count; i += 1) fork();
  const workers = () =>
    Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);

  return {
    listening,
    async stop() {
      isStopping = true;
      const ends = workers().map((worker) => once(worker, 'exit'));
      for (const worker of workers()) say(worker, { type: 'stop' });
      await Promise.all(ends);
    },
    kill() {
      isStopping = true;
      for (const worker of workers()) worker.process.kill('SIGKILL');
    },
  };
}
