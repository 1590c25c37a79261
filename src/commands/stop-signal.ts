/** Fires at Ctrl-C or TERM: whoever works gives up at the next point where nothing stays half done. */
export function stopSignal(): AbortSignal {
  const stopping = new AbortController();
  const stop = () => stopping.abort(new Error('stopped; what was done is done'));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  return stopping.signal;
}
