import { setTimeout } from 'node:timers/promises';

import { machineCpuSeconds, ownCpuSeconds } from './processes.ts';

/** More cores than this at work for somebody else make a measurement worthless. */
export const MOST_OTHERS = 0.3;
const WINDOW_MS = 500;
const MOST_BUSY = 0.15;

/** Waits until nothing is at work on this machine, but not longer than this. */
export async function waitForQuiet(patienceSeconds: number): Promise<void> {
  const until = performance.now() + patienceSeconds * 1000;
  for (let quiet = false; !quiet && performance.now() < until;) {
    const begin = { machine: machineCpuSeconds(), own: ownCpuSeconds() };
    await setTimeout(WINDOW_MS);
    const machine = machineCpuSeconds() - begin.machine;
    const own = ownCpuSeconds() - begin.own;
    quiet = (machine - own) / (WINDOW_MS / 1000) < MOST_BUSY;
  }
}
