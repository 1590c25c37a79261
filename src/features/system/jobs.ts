import { diskState, type DiskState } from '../../platform/disk/index.ts';
import type { PeriodicJob } from '../../platform/jobs/periodic.ts';

const MESSAGES = {
  ok: ['info', 'disk has room again'],
  low: ['warn', 'disk nearly full'],
  'used up': ['error', 'disk full but for the reserve, pushes refused'],
} as const;

/** Tells of disks that get full, once for each change, and of their figures. */
export function watchDisks(): PeriodicJob {
  const states = new Map<string, DiskState>();
  return {
    name: 'disk watch',
    everySeconds: () => 5,

    async run({ disks, config, metrics, log }) {
      for (const disk of await disks.list()) {
        const { holds, freeBytes, totalBytes } = disk;
        for (const content of holds) {
          metrics.storageFree.set({ content }, freeBytes);
          metrics.storageTotal.set({ content }, totalBytes);
        }
        const name = holds.join();
        const before = states.get(name) ?? 'ok';
        const state = diskState(disk, config.storage, before);
        states.set(name, state);
        if (state === before) continue;
        const [level, message] = MESSAGES[state];
        log[level]({ holds, freeBytes, totalBytes }, message);
      }
    },
  };
}
