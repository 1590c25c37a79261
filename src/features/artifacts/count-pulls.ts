import { isDatabaseUnavailable } from '../../platform/db/errors.ts';
import type { Platform } from '../../platform/index.ts';
import { findSettings } from '../settings/index.ts';
import { addPulls, type Pulls } from './store/pulls.ts';

/** Different artifacts and tags that are counted between two writes; what comes above is counted nowhere. */
const MOST_KINDS = 100_000;
/** What one statement writes. */
const BATCH = 2000;

/**
 * Counts pulls in memory. The recorder, which writes pulls to the audit log once a second, has them added to what lists
 * show in the same moment. Pulls change nothing: a crash may lose those of the last second.
 */
export function openPullCounter({
  db,
  lookups,
  log,
  recorder,
}: Pick<Platform, 'db' | 'lookups' | 'log' | 'recorder'>) {
  let counted = new Map<string | number, Pulls>();

  const add = (manifestId: number, tag: string | undefined, count: number): void => {
    const key = tag === undefined ? manifestId : `${manifestId} ${tag}`;
    const pulls = counted.get(key);
    if (pulls !== undefined) pulls.count += count;
    else if (counted.size < MOST_KINDS) counted.set(key, { manifestId, tag, count });
  };

  recorder.alongside(async () => {
    if (counted.size === 0) return;
    const all = [...counted.values()];
    counted = new Map();
    try {
      const settings = await findSettings(lookups);
      while (all.length > 0) {
        await addPulls(db, all.slice(-BATCH), {
          withCounts: !settings.pull_count_update_disable,
          withTimes: !settings.pull_time_update_disable,
        });
        all.length = Math.max(0, all.length - BATCH);
      }
    } catch (error) {
      const isLater = isDatabaseUnavailable(error);
      log[isLater ? 'warn' : 'error']({ err: error, isLater }, 'pulls not counted');
      if (isLater) for (const { manifestId, tag, count } of all) add(manifestId, tag, count);
    }
  });

  return (manifest: { id: number }, tag: string | undefined): void => add(manifest.id, tag, 1);
}
