import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';

import { createLog } from '../log/index.ts';
import type { Platform } from '../index.ts';
import { runPeriodically, type PeriodicJob } from './periodic.ts';

const platform = { log: createLog({ level: 'silent' }) } as Platform;
const job = (name: string, run: PeriodicJob['run']): PeriodicJob => ({
  name,
  everySeconds: () => 0.001,
  run,
});

test('a job that fails or hangs keeps no other from its turn, and a failed one has another', async () => {
  const runs = { failing: 0, working: 0 };
  const enough = Promise.withResolvers<void>();
  const count = (name: keyof typeof runs) => {
    runs[name] += 1;
    if (runs.failing >= 3 && runs.working >= 3) enough.resolve();
  };
  const jobs = runPeriodically(
    [
      job('hanging', async (_, signal) => void (await once(signal, 'abort'))),
      job('failing', async () => {
        count('failing');
        throw new Error('for a reason');
      }),
      job('working', async () => count('working')),
    ],
    platform,
  );

  await enough.promise;
  await jobs.stop();
  const { working } = runs;
  await new Promise(setImmediate);

  assert.equal(runs.working, working);
});
