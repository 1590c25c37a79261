import { setTimeout } from 'node:timers/promises';

import type { Platform } from '../index.ts';
import { isDatabaseUnavailable } from '../db/errors.ts';

/** Work that is always on. Every node does it, at the same time or not: write it so that this does no harm. */
export interface PeriodicJob {
  name: string;
  /** The pause between two runs. */
  everySeconds(config: Platform['config']): number;
  /** Ends soon when `signal` is aborted; it is run again at the next start. */
  run(platform: Platform, signal: AbortSignal): Promise<void>;
}

export interface RunningJobs {
  /** Resolves when all have ended. */
  stop(): Promise<void>;
}

/** Runs each job again and again, one apart from another: a job that hangs or fails delays none. */
export function runPeriodically(jobs: readonly PeriodicJob[], platform: Platform): RunningJobs {
  const stopping = new AbortController();
  const { signal } = stopping;

  async function repeat(job: PeriodicJob): Promise<void> {
    while (!signal.aborted) {
      try {
        await job.run(platform, signal);
      } catch (error) {
        if (signal.aborted) return;
        const level = isDatabaseUnavailable(error) ? 'warn' : 'error';
        platform.log[level]({ err: error, job: job.name }, 'job failed, tried again later');
      }
      await setTimeout(job.everySeconds(platform.config) * 1000, undefined, { signal }).catch(
        () => {},
      );
    }
  }

  const running = jobs.map(repeat);
  return {
    async stop() {
      stopping.abort();
      await Promise.all(running);
    },
  };
}
