/** `npm run bench`: us and other registries side by side. README.md says how to read it. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Case } from './cases/case.ts';
import { cases } from './cases/index.ts';
import { describeMachine } from './machine.ts';
import { measureCase, type Result } from './measure.ts';
import { readOptions, USAGE, type Options, type Sizes } from './options.ts';
import { stopAll } from './peers/daemon.ts';
import { startPeer } from './peers/index.ts';
import type { Peer } from './peers/peer.ts';
import { profileCases } from './profile.ts';
import { makeCpuTable, makeRatioTable, makeReport } from './report.ts';
import { findPeer, requireWrk } from './tools.ts';
import { verifyPush, verifySeed } from './verify.ts';
import { pushedRepository, storedRepositories } from './world.ts';

const options = readOptions(process.argv.slice(2));
if (options.help) console.log(USAGE);
else if (options.list) for (const { name, title } of cases) console.log(`${name}: ${title}`);
else await main(options);

async function main(all: Options): Promise<void> {
  requireWrk();
  const chosen = chooseCases(all.cases);
  const run = { ...all, sizes: trimSizes(all.sizes, chosen) };
  const folder = join(run.folder, `run-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  const work =
    run.profile === undefined
      ? compare(chosen, run, folder)
      : profileCases(chosen, { ...run, folder, profile: run.profile });
  try {
    await Promise.race([work, interrupted()]);
  } finally {
    await stopAll();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Rejects when somebody wants this to end. */
function interrupted(): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => reject(new Error(`ended by ${signal}`)));
  }
  return promise;
}

function chooseCases(names: string[] | undefined): readonly Case[] {
  if (names === undefined) return cases;
  const unknown = names.filter((name) => !cases.some((known) => known.name === name));
  if (unknown.length > 0) throw new Error(`no such case: ${unknown.join(', ')}; see --list`);
  return cases.filter(({ name }) => names.includes(name));
}

async function compare(chosen: readonly Case[], run: Options, folder: string): Promise<void> {
  const { sizes, seconds, rounds, patienceSeconds } = run;
  const peers: Peer[] = [];
  for await (const peer of startPeers(run, folder)) peers.push(peer);
  await fill(peers, sizes);
  const results: Result[] = [];
  for (const wanted of chosen) {
    const context = { sizes, seconds, rounds, patienceSeconds, folder };
    const result = await measureCase(wanted, peers, context);
    console.log(makeRatioTable([result], peers).split('\n').at(-1));
    results.push(result);
  }
  console.log(`\n${makeRatioTable(results, peers)}`);
  console.log(`\n${makeCpuTable(results, peers)}`);
  if (run.output !== undefined) writeReport(run.output, describe(run, results, peers));
}

/** Leaves out what none of the cases reads. */
function trimSizes(sizes: Sizes, chosen: readonly Case[]): Sizes {
  const isNeeded = (what: Case['needs']) => chosen.some(({ needs }) => needs === what);
  const { repositories, tags } = sizes;
  return {
    ...sizes,
    ...(isNeeded('many tags') ? {} : { manyTags: tags }),
    ...(isNeeded('catalog') ? {} : { catalog: repositories }),
  };
}

async function* startPeers({ peers: wanted, binaries }: Options, folder: string) {
  for (const name of wanted) {
    const binary = binaries[name] ?? findPeer(name);
    if (binary === undefined) {
      console.log(`skipped: ${name} is not on this machine`);
      continue;
    }
    const peer = await startPeer(name, { folder: join(folder, name), binary });
    console.log(`started: ${peer.title}`);
    yield peer;
  }
}

async function fill(peers: Peer[], sizes: Sizes): Promise<void> {
  for (const peer of peers) {
    const begin = performance.now();
    await verifyPush(peer);
    await peer.seed(storedRepositories(sizes));
    await verifySeed(peer, sizes);
    console.log(`filled: ${peer.name} (${((performance.now() - begin) / 1000).toFixed(1)} s)`);
  }
}

function writeReport(path: string, text: string): void {
  writeFileSync(path, text);
  const formatter = join(import.meta.dirname, '../node_modules/.bin/oxfmt');
  execFileSync(process.execPath, [formatter, path]);
}

function describe({ sizes, rounds, seconds }: Options, results: Result[], peers: Peer[]): string {
  const { repositories, tags, catalog, manyTags } = sizes;
  const manifestBytes = pushedRepository().manifests[0]!.bytes.length;
  return makeReport(
    {
      date: new Date().toISOString().slice(0, 10),
      machine: describeMachine(),
      stored: `stored: ${repositories} repositories of ${tags} tags, each a manifest of its own of ${manifestBytes} bytes; one repository of ${manyTags} tags; ${catalog} repositories in all`,
      rounds,
      seconds,
    },
    results,
    peers,
  );
}
