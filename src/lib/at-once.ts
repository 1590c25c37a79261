/**
 * Does the work of each item, `limit` of them at a time. When one fails no more are begun; its error is thrown when
 * those under way have ended.
 */
export async function forEachAtOnce<T>(
  items: AsyncIterable<T> | Iterable<T>,
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = iterate(items);
  let isFailed = false;
  const workOn = async () => {
    try {
      for (;;) {
        const next = await queue.next();
        if (next.done === true || isFailed) return;
        await work(next.value);
      }
    } catch (error) {
      isFailed = true;
      throw error;
    }
  };
  const results = await Promise.allSettled(Array.from({ length: limit }, workOn));
  await queue.return();
  const failed = results.find(({ status }) => status === 'rejected');
  if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
}

async function* iterate<T>(items: AsyncIterable<T> | Iterable<T>): AsyncGenerator<T, void> {
  yield* items;
}
