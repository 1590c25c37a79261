import { clock } from './clock.ts';
import { LruMap } from './lru-map.ts';

/**
 * `find`, whose answers are remembered for `ms`: all who ask meanwhile share one. What is not there, or
 * fails, is asked for again.
 */
export function remember<K, V>(
  find: (key: K) => Promise<V>,
  { ms, maxEntries }: { ms: number; maxEntries: number },
): (key: K) => Promise<V> {
  const known = new LruMap<K, { answer: Promise<V>; askedAt: number }>(maxEntries);
  return (key) => {
    const now = clock.now().getTime();
    const { answer: remembered, askedAt = 0 } = known.get(key) ?? {};
    // A clock that was set back remembers nothing for longer.
    if (remembered !== undefined && now >= askedAt && now - askedAt < ms) return remembered;
    const answer = find(key);
    known.set(key, { answer, askedAt: now });
    const forget = () => known.delete(key);
    answer.then((found) => found ?? forget(), forget);
    return answer;
  };
}
