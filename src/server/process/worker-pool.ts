import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import type { Log } from '../../platform/log/index.ts';
import type { ToPrimary, ToWorker, WorkerStart } from './messages.ts';
import { MetricsFromWorkers } from './metrics-from-workers.ts';

/** A worker that ends sooner than this is started again only after a pause. */
const EARLY_MS = 5000;
const PAUSE_MS = 2000;
/** What a worker may take beyond the time that its requests have, before it is killed. */
const GRACE_MS = 5000;

export interface WorkerPool {
  /** Resolves with the port when all workers listen; rejects when one can't. */
  listening: Promise<number>;
  /** Lets all workers finish their requests and end. */
  stop(timeoutMs: number): Promise<void>;
  /** Ends them at once. */
  kill(): void;
}

/** Starts the HTTP workers and keeps their number: one that dies is replaced. */
export function startWorkers(count: number, start: WorkerStart, log: Log): WorkerPool {
  setUpCluster();
  const { promise: listening, resolve, reject } = Promise.withResolvers<number>();
  const serving = new Map<number, Worker>();
  let isStopping = false;
  const metrics = new MetricsFromWorkers((id, question) =>
    say(serving.get(id)!, { type: 'report', id: question }),
  );

  function fork(): void {
    const worker = cluster.fork();
    const begin = performance.now();
    worker.on('message', (message: ToPrimary) => receive(worker, message));
    worker.on('exit', (code, signal) => {
      serving.delete(worker.id);
      metrics.forget(worker.id);
      if (isStopping) return;
      log.error({ worker: worker.process.pid, code, signal }, 'worker ended, starting another');
      const isEarly = performance.now() - begin < EARLY_MS;
      setTimeout(() => isStopping || fork(), isEarly ? PAUSE_MS : 0);
    });
  }

  function receive(worker: Worker, message: ToPrimary): void {
    switch (message.type) {
      case 'ready':
        say(worker, { type: 'start', start });
        break;
      case 'listening':
        serving.set(worker.id, worker);
        if (serving.size === count) resolve(message.port);
        break;
      case 'failed':
        if (isStopping) return;
        log.error(
          { worker: worker.process.pid, reason: message.message },
          'worker failed to start',
        );
        reject(new Error(message.message));
        worker.process.kill('SIGKILL');
        break;
      case 'report':
        metrics.receive(worker.id, message.id, message.figures);
        break;
      case 'metrics':
        void answerMetrics(worker, message.id);
        break;
      default: // the cluster's own messages
    }
  }

  async function answerMetrics(worker: Worker, id: number): Promise<void> {
    const text = await metrics.collect([...serving.keys()]).catch((error: unknown) => {
      log.error({ err: error }, 'figures not added up');
      return undefined;
    });
    say(worker, { type: 'metrics', id, text });
  }

  for (let i = 0; i < count; i += 1) fork();

  function kill(): void {
    isStopping = true;
    for (const worker of listWorkers()) worker.process.kill('SIGKILL');
  }

  return {
    listening,
    kill,
    async stop(timeoutMs) {
      isStopping = true;
      const ends = listWorkers().map((worker) => once(worker, 'exit'));
      for (const worker of listWorkers()) say(worker, { type: 'stop' });
      const timer = setTimeout(kill, timeoutMs + GRACE_MS);
      await Promise.all(ends);
      clearTimeout(timer);
    },
  };
}

function setUpCluster(): void {
  // The kernel hands connections out: no process in between.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  const exec = fileURLToPath(new URL('./worker-main.ts', import.meta.url));
  cluster.setupPrimary({ exec, args: [] });
}

const listWorkers = () =>
  Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);

function say(worker: Worker, message: ToWorker): void {
  // It may be ending; whoever waits for an answer learns that from its exit.
  if (worker.isConnected()) worker.send(message, () => {});
}
