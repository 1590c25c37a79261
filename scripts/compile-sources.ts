/**
 * Compiles what a server runs into the cache that NODE_COMPILE_CACHE names: who compiles takes more time and memory
 * than who reads the cache, and a server writes its own only when it ends.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

const PROCESSES = [
  '../src/commands/run.ts',
  '../src/server/process/http-worker.ts',
  '../src/server/process/jobs-worker.ts',
];
const THREAD = '../src/features/distribution/hash-thread-main.ts';

await Promise.all(PROCESSES.map((source) => import(source)));
await once(new Worker(new URL(THREAD, import.meta.url)), 'online');
process.exit(); // which writes the cache, the thread's too
