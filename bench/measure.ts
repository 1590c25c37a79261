import type { Case, Context } from './cases/case.ts';
import type { Peer, PeerName } from './peers/peer.ts';
import { cpuSecondsOf, machineCpuSeconds, ownCpuSeconds } from './processes.ts';
import { MOST_OTHERS, waitForQuiet } from './quiet.ts';

export interface Cores {
  server: number;
  /** The load generator. */
  load: number;
  /** Everybody else on this machine, and the kernel for itself: should be next to nothing. */
  others: number;
}

/** One case at one peer. */
export interface Measurements {
  values: number[];
  /** Cores that were kept busy, by whom. */
  cores: Cores[];
}

export interface Result {
  case: Case;
  byPeer: Map<PeerName, Measurements>;
}

const WARM_SECONDS = 2;
/** How often a measurement is made again because somebody else used the machine meanwhile. */
const MOST_ATTEMPTS = 4;

export interface Pace {
  rounds: number;
  /** How long to wait for a quiet machine before a measurement. */
  patienceSeconds: number;
}

/** Measures a case at all peers in turn, as often as there are rounds. A peer that fails is left out. */
export async function measureCase(
  wanted: Case,
  peers: Peer[],
  context: Context & Pace,
): Promise<Result> {
  let able = peers.filter(({ name }) => wanted.onlyUs !== true || name === 'us');
  const byPeer = new Map<PeerName, Measurements>();
  /** Does something at each peer that is still able. */
  const inTurn = async (work: (peer: Peer) => Promise<void>) => {
    for (const peer of able) {
      try {
        await work(peer);
      } catch (cause) {
        console.error(`FAILED: ${wanted.name} at ${peer.name}: ${(cause as Error).message}`);
        process.exitCode = 1;
        byPeer.delete(peer.name);
        able = able.filter((other) => other !== peer);
      }
    }
  };
  await inTurn(async (peer) => {
    byPeer.set(peer.name, { values: [], cores: [] });
    const seconds = Math.min(WARM_SECONDS, context.seconds);
    if (wanted.isCold !== true) await wanted.measure(peer, { ...context, seconds });
  });
  const rounds = wanted.once === true ? 1 : context.rounds;
  for (let round = 0; round < rounds; round += 1) {
    await inTurn((peer) => measureOnce(wanted, peer, context, byPeer.get(peer.name)!));
  }
  return { case: wanted, byPeer };
}

async function measureOnce(
  wanted: Case,
  peer: Peer,
  context: Context & Pace,
  { values, cores }: Measurements,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    await waitForQuiet(context.patienceSeconds);
    const begin = readCpuSeconds(peer);
    const value = await wanted.measure(peer, context);
    const end = readCpuSeconds(peer);
    const busy = (key: keyof typeof begin) => (end[key] - begin[key]) / (end.clock - begin.clock);
    const [server, load] = [busy('server'), busy('load')];
    const others = busy('machine') - server - load;
    if (others > MOST_OTHERS && wanted.once !== true && attempt < MOST_ATTEMPTS) continue;
    values.push(value);
    cores.push({ server, load, others });
    return;
  }
}

const readCpuSeconds = ({ pid }: Peer) => ({
  server: cpuSecondsOf(pid),
  load: ownCpuSeconds(),
  machine: machineCpuSeconds(),
  clock: performance.now() / 1000,
});

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
