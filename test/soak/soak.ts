/** `npm run test:soak -- --minutes 60`: everything at once, for long, and then every byte is read again. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { randomOf } from '../fuzz/random.ts';
import { startVictim, type Kill, type Victim } from '../server/support/killing.ts';
import {
  ADMIN_PASSWORD,
  authorization,
  findChildren,
  onEnd,
  runToEnd,
  stopServer,
  temporaryFolder,
  waitFor,
} from '../server/support/program.ts';
import { startTraffic } from '../traffic/index.ts';
import { Figures } from './figures.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1e6)) },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed);
const admin = authorization(ADMIN_PASSWORD);
const KILLS: Kill[] = [
  'worker',
  'jobs worker',
  'postgres',
  'process of postgres',
  'primary',
  'everything',
];
/** The collector and the trash give nobody time. */
const SERVER = {
  ROADSTEAD_ADMIN_PASSWORD: ADMIN_PASSWORD,
  ROADSTEAD_WORKERS: '2',
  ROADSTEAD_LOG_REQUESTS: 'none',
  ROADSTEAD_LOG_LEVEL: 'warn',
  ROADSTEAD_GC_GRACE_SECONDS: '0',
  ROADSTEAD_GC_HOLD_SECONDS: '0',
  ROADSTEAD_GC_INTERVAL_SECONDS: '1',
};

test(`${minutes} minutes of pushes, pulls, deletes, restores and collecting, with backups, then with kills`, async (t) => {
  console.log(`seed ${seed}`);
  const victim = await startVictim(t, { env: SERVER });
  const all = { url: victim.url, isCollectedAtOnce: true };
  const owner = await makeProjectWithoutTrash(victim.url);
  const traffics = [
    startTraffic({ ...all, headers: admin, project: 'library', customers: 5, seed }),
    startTraffic({
      ...all,
      headers: owner,
      project: 'brief',
      customers: 3,
      seed: seed + 100,
      hasNoTrash: true,
    }),
  ];
  for (const traffic of traffics) onEnd(t, () => traffic.stop());
  const figures = new Figures(victim, traffics);
  const [calm, end] = [(minutes * 60_000) / 3, minutes * 60_000];
  const backups = join(temporaryFolder(t), 'backups');

  const checking = new AbortController();
  const checks = checkUntil(checking.signal, t, victim, backups);
  await figures.watchFor(calm);
  checking.abort();
  const grown = figures.growth();
  const checked = await checks;
  const kills = await killUntil(end - calm, victim, figures);
  for (const traffic of traffics) await traffic.stop();
  await waitFor(async () => (await fetch(`${victim.url}/api/v2.0/health`)).status === 200, 120_000);
  for (const traffic of traffics) await traffic.check();
  figures.show();
  await sleep(5000); // the collector is at it still
  assert.equal(await stopServer(victim.server()), 0);
  await runCommand(t, victim, ['fsck', '--verify']);
  await runCommand(t, victim, ['quota', 'check']);
  await runCommand(t, victim, ['backup', backups, '--verify']);

  console.log(
    `${checked} backups and checks while it ran, ${kills} kills and restarts; memory in the calm third grew by ${grown} %`,
  );
  assert.deepEqual(
    traffics.flatMap((traffic) => traffic.complaints()),
    [],
  );
  assert.ok(grown < 30, `memory grew by ${grown} %`);
});

/** A project of somebody who is no administrator. Answers who that is. */
async function makeProjectWithoutTrash(url: string): Promise<Record<string, string>> {
  const owner = authorization('0wnerOwner', 'owner');
  const post = async (headers: Record<string, string>, path: string, body: object) => {
    const reply = await fetch(`${url}/api/v2.0/${path}`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    assert.equal(reply.status, 201, await reply.text());
  };
  const user = { username: 'owner', realname: 'Owner', email: 'owner@example.com' };
  await post(admin, 'users', { ...user, password: '0wnerOwner' });
  await post(owner, 'projects', { project_name: 'brief', metadata: { trash_days: '0' } });
  return owner;
}

/** Backs the running registry up and compares its rows with its store, again and again. Answers how often. */
async function checkUntil(
  signal: AbortSignal,
  t: TestContext,
  victim: Victim,
  backups: string,
): Promise<number> {
  let checks = 0;
  for (; !signal.aborted; checks += 1) {
    await runCommand(t, victim, ['backup', backups, '--keep', '2']);
    await runCommand(t, victim, ['fsck', '--verify']);
  }
  return checks;
}

/** Kills a part, or restarts the server or its database politely, every few seconds. Answers how often. */
async function killUntil(ms: number, victim: Victim, figures: Figures): Promise<number> {
  const random = randomOf(seed);
  const until = performance.now() + ms;
  let kills = 0;
  for (; performance.now() < until; kills += 1) {
    await figures.watchFor(2000 + random.below(6000));
    const what = random.pick([...KILLS, 'restart', 'restart of postgres'] as const);
    if (what === 'restart') await victim.restart();
    else if (what === 'restart of postgres') {
      for (const pid of findChildren(victim.server().pid, 'postgres')) process.kill(pid, 'SIGINT');
    } else await victim.kill(what);
    await figures.requireProgress(what);
  }
  return kills;
}

/** A command that has to find that all is well. */
async function runCommand(t: TestContext, victim: Victim, words: string[]): Promise<void> {
  const env = { ROADSTEAD_DATA: victim.server().data };
  const { code, stdout, stderr } = await runToEnd(t, words, { env });
  assert.equal(code, 0, `roadstead ${words.join(' ')}: ${stdout}${stderr}`);
  console.log(`roadstead ${words.join(' ')}: ${stdout.trim().split('\n').at(-1)}`);
}
