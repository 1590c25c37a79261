/** Runs what Ctrl-C or TERM ends, at the next point where nothing stays half done. */
export async function untilStopped<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stopping = new AbortController();
  const { signal } = stopping;
  const stop = () => stopping.abort(new Error('stopped; what was done is done'));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    return await work(signal);
  } catch (error) {
    signal.throwIfAborted(); // whatever it failed with, that is why
    throw error;
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}
