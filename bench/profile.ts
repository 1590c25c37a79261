/** Where the time of our HTTP workers goes: a CPU profile of each case. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Case } from './cases/case.ts';
import type { Options } from './options.ts';
import { startUs } from './peers/us.ts';
import { cpuSecondsByRole } from './processes.ts';
import { verifyPush } from './verify.ts';
import { storedRepositories } from './world.ts';

interface Profile {
  nodes: {
    id: number;
    callFrame: { functionName: string; url: string; lineNumber: number };
  }[];
  samples: number[];
  timeDeltas: number[];
  /** Microseconds of the machine's monotonic clock. */
  startTime: number;
}

/** From when to when the load lasted, on the same clock: what a worker does to start is left out. */
interface Window {
  begin: number;
  end: number;
}

const clockMicroseconds = () => Number(process.hrtime.bigint() / 1000n);

const SHOWN = 40;
const root = join(import.meta.dirname, '..');

/** Runs each case at a server of its own, whose workers write a profile when they end. */
export async function profileCases(
  chosen: readonly Case[],
  run: Options & { folder: string; profile: string },
): Promise<void> {
  const { sizes, seconds } = run;
  const folder = join(run.folder, 'us');
  const filled = await startUs({ folder });
  await verifyPush(filled);
  await filled.seed(storedRepositories(sizes));
  await filled.stop();
  for (const wanted of chosen) {
    const output = join(run.profile, wanted.name);
    mkdirSync(output, { recursive: true });
    const nodeOptions = `--cpu-prof --cpu-prof-dir=${output}`;
    const us = await startUs({ folder, nodeOptions });
    if (wanted.isCold !== true) {
      await wanted.measure(us, { sizes, seconds: 1, folder: run.folder });
    }
    const before = cpuSecondsByRole(us.pid);
    const begin = clockMicroseconds();
    const value = await wanted.measure(us, { sizes, seconds, folder: run.folder });
    const end = clockMicroseconds();
    const lasted = (end - begin) / 1e6;
    const cores = [...cpuSecondsByRole(us.pid)]
      .map(([role, after]) => ({ role, busy: (after - (before.get(role) ?? 0)) / lasted }))
      .filter(({ busy }) => busy >= 0.01)
      .map(({ role, busy }) => `${role} ${busy.toFixed(2)}`);
    await us.stop();
    console.log(`\n## ${wanted.name}: ${value.toFixed(1)} ${wanted.unit} under the profiler\n`);
    console.log(`Cores at work: ${cores.join(', ')}\n`);
    console.log(summarise(output, { begin, end }));
  }
}

/** The functions that took most of the busiest worker's time by themselves. */
function summarise(folder: string, window: Window): string {
  const profiles = readdirSync(folder)
    .filter((name) => name.endsWith('.cpuprofile'))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Profile)
    .map((profile) => readTimes(profile, window));
  const busiest = profiles.sort((a, b) => busy(b) - busy(a))[0]!;
  const total = busy(busiest);
  const lines = [...busiest]
    .filter(([name]) => name !== '(idle)')
    .sort(([, a], [, b]) => b - a)
    .slice(0, SHOWN)
    .map(([name, time]) => `${((time / total) * 100).toFixed(1).padStart(5)} %  ${name}`);
  const idle = ((busiest.get('(idle)') ?? 0) / (total + (busiest.get('(idle)') ?? 0))) * 100;
  return [`of the time it was not idle (${idle.toFixed(0)} %)`, ...lines].join('\n');
}

const busy = (times: Map<string, number>) =>
  [...times].reduce((sum, [name, time]) => (name === '(idle)' ? sum : sum + time), 0);

function readTimes(profile: Profile, { begin, end }: Window): Map<string, number> {
  const { nodes, samples, timeDeltas } = profile;
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const times = new Map<string, number>();
  let at = profile.startTime;
  for (const [n, id] of samples.entries()) {
    const delta = timeDeltas[n] ?? 0;
    at += delta;
    if (at < begin || at > end) continue;
    const name = names.get(id)!;
    times.set(name, (times.get(name) ?? 0) + delta);
  }
  return times;
}

function nameOf({ functionName, url, lineNumber }: Profile['nodes'][number]['callFrame']): string {
  if (url === '') return functionName;
  const place = url.startsWith('file:') ? relative(root, fileURLToPath(url)) : url;
  return `${functionName || '(anonymous)'} ${place}:${lineNumber + 1}`;
}
