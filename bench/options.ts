import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { peerNames, type PeerName } from './peers/peer.ts';

/** How much is stored before anything is measured. */
export interface Sizes {
  repositories: number;
  tags: number;
  catalog: number;
  manyTags: number;
  restartTags: number;
  /** The two large blobs. */
  largeBytes: [number, number];
}

export interface Options {
  cases: string[] | undefined;
  peers: PeerName[];
  /** Our server's folder of sources and the others' programs, by name of the peer. */
  binaries: Partial<Record<PeerName, string>>;
  rounds: number;
  seconds: number;
  patienceSeconds: number;
  sizes: Sizes;
  /** Everything that is stored goes in here. */
  folder: string;
  output: string | undefined;
  /** Where to put a CPU profile of each case; nothing is compared then. */
  profile: string | undefined;
}

const MIB = 1024 * 1024;
const FULL: Sizes = {
  repositories: 1000,
  tags: 100,
  catalog: 10_000,
  manyTags: 100_000,
  restartTags: 1_000_000,
  largeBytes: [256 * MIB, 1024 * MIB],
};
const QUICK: Sizes = {
  repositories: 50,
  tags: 20,
  catalog: 200,
  manyTags: 2000,
  restartTags: 10_000,
  largeBytes: [32 * MIB, 64 * MIB],
};

const root = join(import.meta.dirname, '..');

export const USAGE = `npm run bench -- [options]
  --case a,b        only these cases (--list names them)
  --peer a,b        only these of us, distribution, docker-registry, zot
  --zot PATH        also measure this zot binary
  --rounds N        measurements of each case at each peer (5)
  --seconds N       length of a measurement of small requests (5)
  --patience N      seconds to wait for a quiet machine before each measurement (20)
  --repositories N, --tags N   what is stored: repositories, and tags in each (1000, 100)
  --quick           little data, short rounds: to see that it works, its numbers mean nothing
  --folder PATH     where to store everything (.cache/bench); it must be on a real disk
  --output PATH     the report (bench/results.md; with --case, --peer or --quick none is written)
  --profile PATH    a CPU profile of our workers for each case, instead of a comparison
  --list            name the cases`;

const flags = {
  case: { type: 'string' },
  peer: { type: 'string' },
  zot: { type: 'string' },
  rounds: { type: 'string' },
  seconds: { type: 'string' },
  patience: { type: 'string' },
  repositories: { type: 'string' },
  tags: { type: 'string' },
  quick: { type: 'boolean', default: false },
  folder: { type: 'string', default: join(root, '.cache/bench') },
  output: { type: 'string' },
  profile: { type: 'string' },
  list: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

export function readOptions(args: string[]): Options & { list: boolean; help: boolean } {
  const { values } = parseArgs({ args, options: flags });
  const { quick, list, help, folder, profile } = values;
  const sizes = { ...(quick ? QUICK : FULL) };
  sizes.repositories = count(values.repositories, sizes.repositories);
  sizes.tags = count(values.tags, sizes.tags);
  sizes.catalog = Math.max(sizes.catalog, sizes.repositories);
  const isPartial = quick || values.case !== undefined || values.peer !== undefined;
  return {
    cases: values.case?.split(','),
    peers: profile === undefined ? readPeers(values.peer, values.zot) : ['us'],
    binaries: values.zot === undefined ? {} : { zot: values.zot },
    rounds: count(values.rounds, quick ? 2 : 5),
    seconds: count(values.seconds, quick ? 1 : 5),
    patienceSeconds: count(values.patience, quick ? 1 : 20),
    sizes,
    folder,
    output: values.output ?? (isPartial ? undefined : join(root, 'bench/results.md')),
    profile,
    list,
    help,
  };
}

function readPeers(text: string | undefined, zot: string | undefined): PeerName[] {
  const wanted = text?.split(',') ?? peerNames.filter((name) => name !== 'zot' || zot);
  const unknown = wanted.filter((name) => !(peerNames as readonly string[]).includes(name));
  if (unknown.length > 0) throw new Error(`no such peer: ${unknown.join(', ')}`);
  return peerNames.filter((name) => wanted.includes(name));
}

function count(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`${text} is not a whole number above 0`);
  return Number(text);
}
