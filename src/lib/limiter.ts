import { overloaded } from './errors.ts';

export interface Limiter {
  /** Runs the work when its turn comes. A full queue is a 503: the client may come again. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

/** At most `running` pieces of work at once, and at most `waiting` behind them. */
export function createLimiter({ running, waiting }: { running: number; waiting: number }): Limiter {
  let active = 0;
  const queue: (() => void)[] = [];

  return {
    async run(work) {
      if (active >= running) {
        if (queue.length >= waiting) throw overloaded('requests of this kind');
        const { promise: turn, resolve } = Promise.withResolvers<void>();
        queue.push(resolve);
        await turn;
      } else {
        active += 1;
      }
      try {
        return await work();
      } finally {
        const next = queue.shift();
        if (next === undefined) active -= 1;
        else next();
      }
    },
  };
}
