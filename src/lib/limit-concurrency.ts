export type Limited = <T>(work: () => Promise<T>) => Promise<T>;

/** Lets `limit` pieces of work be under way at a time; the others wait for their turn, in order. */
export function limitConcurrency(limit: number): Limited {
  let free = limit;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free > 0) {
      free -= 1;
    } else {
      const turn = Promise.withResolvers<void>();
      waiting.push(turn.resolve);
      await turn.promise;
    }
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}
