/**
 * `npm run bench:gc`: space comes back under load. Many artifacts are deleted while clients push and pull: how long does it
 * take until their bytes are gone, what do pulls pay for it, and is everything else still there?
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';

import { blobOf, fillProject, projectName, repositoryName } from './api/fill.ts';
import { startTraffic } from './gc/traffic.ts';
import { Connection } from './load/connection.ts';
import { describeMachine } from './machine.ts';
import { median } from './measure.ts';
import { startUs } from './peers/us.ts';
import { openDatabase } from './peers/us-seed.ts';
import { waitForQuiet } from './quiet.ts';

const MOST_SLOWER = 1.1;
const MOST_SECONDS = 600;
const CALM_SECONDS = 30;
const PER_REPOSITORY = 100;
const [DOOMED, KEPT] = [1, 2];
const KEPT_REPOSITORIES = 10;
const DELETERS = 4;

const { values } = parseArgs({
  options: {
    artifacts: { type: 'string', default: '100000' },
    patience: { type: 'string', default: '20' },
    folder: { type: 'string', default: join(import.meta.dirname, '../.cache/bench') },
  },
});
const repositories = Math.ceil(Number(values.artifacts) / PER_REPOSITORY);

const folder = join(values.folder, `gc-${process.pid}`);
const data = join(folder, 'data');
mkdirSync(folder, { recursive: true });
const us = await startUs({
  folder,
  env: {
    ROADSTEAD_TRASH_DAYS: '0',
    ROADSTEAD_GC_GRACE_SECONDS: '30', // or what is just being pushed goes, too
    ROADSTEAD_GC_HOLD_SECONDS: '0',
    ROADSTEAD_GC_INTERVAL_SECONDS: '1',
  },
});
const authorization = `Basic ${btoa(`${us.account.username}:${us.account.password}`)}`;
try {
  await run(await store());
} finally {
  await us.stop();
  rmSync(folder, { recursive: true, force: true });
}

/** Answers the files of what will be deleted. */
async function store(): Promise<string[]> {
  const database = await openDatabase(data);
  try {
    const same = { artifacts: PER_REPOSITORY, tags: 1, members: 0, member: '' };
    await database.query('set synchronous_commit = off');
    await fillProject(database, { ...same, project: DOOMED, repositories });
    await fillProject(database, { ...same, project: KEPT, repositories: KEPT_REPOSITORIES });
    await database.query('vacuum (analyze)');
    await database.query('checkpoint');
  } finally {
    await database.end();
  }
  writeBlobs(KEPT, KEPT_REPOSITORIES);
  return writeBlobs(DOOMED, repositories);
}

function listNames(project: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => repositoryName(project, index + 1));
}

function writeBlobs(project: number, count: number): string[] {
  return listNames(project, count).flatMap((name) =>
    Array.from({ length: PER_REPOSITORY }, (_, index) => {
      const { bytes, location } = blobOf(name, index + 1);
      const file = join(data, 'blobs', location);
      writeFileSync(file, bytes);
      return file;
    }),
  );
}

async function run(files: string[]): Promise<void> {
  console.log(describeMachine());
  await waitForQuiet(Number(values.patience));
  const traffic = startTraffic({
    port: us.port,
    authorization,
    repositories: listNames(KEPT, KEPT_REPOSITORIES),
    artifacts: PER_REPOSITORY,
  });
  await sleep(CALM_SECONDS * 1000);
  const calm = traffic.takeTimes();

  const begin = performance.now();
  const seconds = () => Math.round((performance.now() - begin) / 1000);
  await deleteRepositories();
  console.log(`${files.length} artifacts deleted in ${seconds()} s`);
  for (let left = files; (left = left.filter((file) => existsSync(file))).length > 0;) {
    if (seconds() > MOST_SECONDS) throw new Error(`${left.length} blobs are left`);
    await sleep(2000);
  }
  console.log(`space back after ${seconds()} s (≤ ${MOST_SECONDS} s ✓)`);
  const busy = traffic.takeTimes();
  const pushed = await traffic.stop();

  const slower = median(busy) / median(calm);
  console.log(
    `a pull took ${median(calm).toFixed(2)} ms before and ${median(busy).toFixed(2)} ms meanwhile: ` +
      `${slower.toFixed(2)}× (≤ ${MOST_SLOWER}× ${slower <= MOST_SLOWER ? '✓' : '✗'}), ` +
      `p99 ${p99(calm)} and ${p99(busy)} ms`,
  );
  console.log(`${pushed} images were pushed meanwhile; every byte that is left is read:`);
  const program = join(import.meta.dirname, '../bin/roadstead');
  const env = { ...process.env, ROADSTEAD_DATA: data };
  const { stdout } = await promisify(execFile)(program, ['fsck', '--verify'], { env });
  console.log(stdout.trim());
}

function p99(times: number[]): string {
  const sorted = Float64Array.from(times).sort();
  return sorted[Math.floor(sorted.length * 0.99)]!.toFixed(1);
}

async function deleteRepositories(): Promise<void> {
  const names = listNames(DOOMED, repositories).values();
  const remove = async () => {
    const connection = await Connection.open(us.port);
    for (const name of names) {
      const path = `/api/v2.0/projects/${projectName(DOOMED)}/repositories/${name.split('/')[1]}`;
      await connection.expect(200, 'DELETE', path, { authorization });
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: DELETERS }, remove));
}
