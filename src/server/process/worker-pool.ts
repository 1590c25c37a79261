import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Log } from '../../platform/log/index.ts';
import type { ToPrimary, ToWorker, WorkerRole, WorkerStart } from './messages.ts';
import { MetricsFromWorkers } from './metrics-from-workers.ts';

const WORKER = fileURLToPath(new URL('./worker-main.ts', import.meta.url));
/** A worker that ends sooner than this is started again only after a pause. */
const EARLY_MS = 5000;
const PAUSE_MS = 2000;
/** What a worker may take beyond the time that its requests have, before it is killed. */
const GRACE_MS = 5000;

/**
 * Less room for new objects, and a limit that makes V8 look for garbage before it grows. Together with fewer arenas of
 * malloc (below) a worker takes half the memory under load. With 4 MB for new objects looking for garbage takes twice
 * the time, with 16 MB a little less.
 */
const NODE_OPTIONS: Record<WorkerRole, string[]> = {
  http: ['--max-semi-space-size=8', '--max-old-space-size=512'],
  jobs: ['--max-semi-space-size=2', '--max-old-space-size=512'],
};

export interface WorkerPool {
  /** Resolves with the port when all HTTP workers listen; rejects when one can't. */
  listening: Promise<number>;
  /** Lets all workers finish their requests and end. */
  stop(timeoutMs: number): Promise<void>;
  /** Ends them at once. */
  kill(): void;
}

/** Starts `count` HTTP workers and the one for jobs, and keeps them: one that dies is replaced. */
export function startWorkers(count: number, start: WorkerStart, log: Log): WorkerPool {
  // The kernel hands connections out: no process in between.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  const { promise: listening, resolve, reject } = Promise.withResolvers<number>();
  const working = new Map<number, Worker>();
  const ports: number[] = [];
  const pool = { isStopping: false };
  const metrics = new MetricsFromWorkers((id, question) =>
    say(working.get(id)!, { type: 'report', id: question }),
  );

  function receive(worker: Worker, message: ToPrimary): void {
    switch (message.type) {
      case 'ready':
        say(worker, { type: 'start', start });
        break;
      case 'started':
        working.set(worker.id, worker);
        if (message.port !== undefined && ports.push(message.port) === count) resolve(message.port);
        break;
      case 'failed':
        if (pool.isStopping) return;
        log.error({ worker: worker.process.pid, reason: message.message }, 'worker not started');
        reject(new Error(message.message));
        worker.process.kill('SIGKILL');
        break;
      case 'spent':
        for (const other of working.values()) if (other !== worker) say(other, message);
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
    const text = await metrics.collect([...working.keys()]).catch((error: unknown) => {
      log.error({ err: error }, 'figures not added up');
      return undefined;
    });
    say(worker, { type: 'metrics', id, text });
  }

  const roles: WorkerRole[] = [...Array.from({ length: count }, () => 'http' as const), 'jobs'];
  for (const role of roles) {
    keepWorker(role, { pool, log, receive }, (id) => {
      working.delete(id);
      metrics.forget(id);
    });
  }
  return { listening, ...endings(pool) };
}

interface Keeping {
  pool: { isStopping: boolean };
  log: Log;
  receive(worker: Worker, message: ToPrimary): void;
}

/** Starts a worker, and another one whenever it ends by itself. */
function keepWorker(role: WorkerRole, keeping: Keeping, onExit: (workerId: number) => void): void {
  const { pool, log, receive } = keeping;
  const execArgv = [...process.execArgv, ...NODE_OPTIONS[role]];
  cluster.setupPrimary({ exec: WORKER, args: [role], execArgv });
  const worker = cluster.fork(workerEnvironment());
  const begin = performance.now();
  worker.on('message', (message: ToPrimary) => receive(worker, message));
  worker.on('exit', (code, signal) => {
    onExit(worker.id);
    if (pool.isStopping) return;
    log.error({ worker: worker.process.pid, role, code, signal }, 'worker ended, starting another');
    const isEarly = performance.now() - begin < EARLY_MS;
    setTimeout(() => pool.isStopping || keepWorker(role, keeping, onExit), isEarly ? PAUSE_MS : 0);
  });
}

function endings(pool: Keeping['pool']): Pick<WorkerPool, 'stop' | 'kill'> {
  function kill(): void {
    pool.isStopping = true;
    for (const worker of listWorkers()) worker.process.kill('SIGKILL');
  }
  return {
    kill,
    async stop(timeoutMs) {
      pool.isStopping = true;
      const ends = listWorkers().map((worker) => once(worker, 'exit'));
      for (const worker of listWorkers()) say(worker, { type: 'stop' });
      const timer = setTimeout(kill, timeoutMs + GRACE_MS);
      await Promise.all(ends);
      clearTimeout(timer);
    },
  };
}

function workerEnvironment(): Record<string, string> {
  // Of the compiled sources that this process uses. Node put a folder for its own version into the one it was given.
  const folder = getCompileCacheDir();
  const cache = folder === undefined ? {} : { NODE_COMPILE_CACHE: dirname(folder) };
  return { MALLOC_ARENA_MAX: '2', ...cache };
}

const listWorkers = () =>
  Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);

function say(worker: Worker, message: ToWorker): void {
  // It may be ending; whoever waits for an answer learns that from its exit.
  if (worker.isConnected()) worker.send(message, () => {});
}
