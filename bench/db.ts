/** `npm run bench:db`: the database's part of a push by itself. Many connections call `push_manifest`, with
 * all its foreign keys, in the embedded PostgreSQL with the settings it has in use: every commit is synced. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import pg from 'pg';

import { connect } from '../src/platform/db/connect.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../src/platform/db/embedded/index.ts';
import { migrate } from '../src/platform/db/migrate.ts';
import { createLog } from '../src/platform/log/index.ts';
import { describeMachine } from './machine.ts';
import { median } from './measure.ts';
import { MANIFEST_TYPE } from './world.ts';

const BASE_LAYERS = 5;
const MANIFEST_BYTES = 1000;
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const LEAST_COMMITS = 2000;

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '32' },
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    folder: { type: 'string', default: join(import.meta.dirname, '../.cache/bench') },
  },
});
const connections = Number(values.connections);
const seconds = Number(values.seconds);

const PUSH = `
  select missing_blobs, project_gone from push_manifest(
    $1, $2, $3, 'image', '${MANIFEST_TYPE}', '${CONFIG_TYPE}', '${CONFIG_TYPE}', null, null, null,
    '{}'::jsonb, $4, $5::bytea[], '{}'::bytea[], false,
    '{}'::bytea[], '{}'::jsonb[], $6::text[], 'bench', 'bench')`;

const newDigest = () => Buffer.concat([Buffer.of(1), randomBytes(32)]);

interface Variant {
  title: string;
  repositories: number;
  /** Each push moves the same tag of its repository instead of making a new one. */
  movesTag?: boolean;
  /** How many projects the repositories are in; one if left out. */
  projects?: number;
  /** The projects have a storage quota, with room enough. */
  hasQuota?: boolean;
  /** Blobs of the first project are collected all the time. */
  collects?: boolean;
  /** Its rate is that of this variant, times `least` at least. */
  against?: { title: string; least: number };
}

const [EACH, EACH_QUOTA] = ['a project for each', 'a project with a quota for each'];
const variants: Variant[] = [
  { title: 'a repository for each connection', repositories: connections },
  { title: 'one repository for all', repositories: 1 },
  {
    title: 'a repository for each, always the tag latest',
    repositories: connections,
    movesTag: true,
  },
  { title: EACH, repositories: connections, projects: connections },
  { title: EACH_QUOTA, repositories: connections, projects: connections, hasQuota: true },
  {
    title: 'one project with a quota',
    repositories: connections,
    hasQuota: true,
    against: { title: EACH_QUOTA, least: 0.8 },
  },
  {
    title: 'one project with a quota, beside the collector',
    repositories: connections,
    hasQuota: true,
    collects: true,
  },
];

const folder = join(values.folder, `db-${process.pid}`);
mkdirSync(folder, { recursive: true });
const postgres = await startEmbeddedPostgres({
  dataDir: join(folder, 'postgres'),
  log: createLog({ level: 'warn' }),
});
try {
  await prepare(postgres);
  await run(postgres);
} finally {
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
}

async function run({ connection }: EmbeddedPostgres): Promise<void> {
  const clients = Array.from({ length: connections }, () => new pg.Client(connection));
  for (const client of clients) {
    client.on('error', () => {}); // PostgreSQL is stopped because something else went wrong
    await client.connect();
  }
  console.log(describeMachine());
  console.log(`${connections} connections, ${BASE_LAYERS} shared base layers, commits/s:`);
  const found = new Map<string, number>();
  for (const variant of variants) {
    const targets = await makeRepositories(clients[0]!, variant);
    const collector = variant.collects ? await startCollector(connection, targets[0]!) : undefined;
    const rates: number[] = [];
    const times: number[] = [];
    for (let round = 0; round < Number(values.rounds); round += 1) {
      const begin = performance.now();
      const perClient = await Promise.all(
        clients.map((client, n) =>
          pushUntilOver(client, targets[n % targets.length]!, variant.movesTag === true),
        ),
      );
      const all = perClient.flat();
      rates.push(all.length / ((performance.now() - begin) / 1000));
      times.push(...all);
    }
    await collector?.stop();
    found.set(variant.title, median(rates));
    console.log(describe(variant, found, times));
  }
  for (const client of clients) await client.end();
}

function describe(
  { title, against }: Variant,
  found: Map<string, number>,
  times: number[],
): string {
  const sorted = Float64Array.from(times).sort();
  const at = (part: number) => sorted[Math.floor(sorted.length * part)]!.toFixed(1);
  const rate = found.get(title)!;
  const verdicts = [judge('', rate, LEAST_COMMITS, 0)];
  if (against !== undefined) {
    const ratio = rate / found.get(against.title)!;
    verdicts.push(judge(`${ratio.toFixed(2)} × ${against.title} `, ratio, against.least, 1));
  }
  return `  ${title}: ${Math.round(rate)} ${verdicts.join(' ')}, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`;
}

function judge(what: string, value: number, least: number, digits: number): string {
  return `(${what}≥ ${least.toFixed(digits)} ${value >= least ? '✓' : '✗'})`;
}

async function prepare({ connection }: EmbeddedPostgres): Promise<void> {
  const db = connect(connection, {
    poolSize: 1,
    statementTimeoutMs: 60_000,
    applicationName: 'bench',
  });
  await migrate(db);
  await db.destroy();
}

interface Target {
  projectId: number;
  name: string;
  layers: Buffer[];
}

/** Repositories of new projects that serve the same layers. */
async function makeRepositories(
  client: pg.Client,
  { repositories, projects = 1, hasQuota = false }: Variant,
): Promise<Target[]> {
  const layers = Array.from({ length: BASE_LAYERS }, newDigest);
  const name = `p${randomBytes(4).toString('hex')}`;
  const { rows } = await client.query<{ project_id: number; name: string }>(
    `with p as (
       insert into project (name, owner_id)
       select $1 || '-' || n, (select min(id) from user_account) from generate_series(0, $2::int - 1) n
       returning id, name
     ), r as (
       insert into repository (project_id, name)
       select p.id, p.name || '/r' || n from generate_series(0, $3::int - 1) n
       join p on p.name = $1 || '-' || n % $2::int returning id, project_id, name
     ), b as (
       insert into blob (digest, size_bytes, location)
       select digest, 1000, encode(digest, 'hex') from unnest($4::bytea[]) digest returning id
     ), rb as (
       insert into repository_blob (repository_id, blob_id) select r.id, b.id from r, b
     ), candidate as (
       insert into blob_candidate (blob_id, check_after) select id, now() + interval '1 day' from b
     )
     select r.project_id, r.name from r order by r.id`,
    [name, projects, repositories, layers],
  );
  if (hasQuota) {
    const ids = [...new Set(rows.map((row) => row.project_id))];
    await client.query('select limit_project(id, $2) from unnest($1::bigint[]) id', [ids, 1e12]);
  }
  await client.query('analyze');
  return rows.map((row) => ({ projectId: row.project_id, name: row.name, layers }));
}

/** Pushes one manifest after another; answers how long each took, in milliseconds. */
async function pushUntilOver(
  client: pg.Client,
  { projectId, name, layers }: Target,
  movesTag: boolean,
): Promise<number[]> {
  const until = performance.now() + seconds * 1000;
  const times: number[] = [];
  for (let begin = performance.now(); begin < until; begin = performance.now()) {
    const digest = newDigest();
    const tag = movesTag ? 'latest' : digest.toString('hex');
    const bytes = randomBytes(MANIFEST_BYTES);
    const { rows } = await client.query<{ missing_blobs: unknown; project_gone: boolean }>({
      name: 'push',
      text: PUSH,
      values: [projectId, name, digest, bytes, layers, [tag]],
    });
    if (rows[0]?.missing_blobs !== null || rows[0].project_gone) {
      throw new Error(`not pushed: ${JSON.stringify(rows)}`);
    }
    times.push(performance.now() - begin);
  }
  return times;
}

/** Lets blobs that only the project counts come and be collected, a hundred at a time. */
async function startCollector(
  connection: EmbeddedPostgres['connection'],
  { projectId }: Target,
): Promise<{ stop(): Promise<void> }> {
  const client = new pg.Client(connection);
  await client.connect();
  const stopping = new AbortController();
  const running = (async () => {
    while (!stopping.signal.aborted) {
      const digests = Array.from({ length: 100 }, newDigest);
      await client.query(
        `with b as (
           insert into blob (digest, size_bytes, location)
           select digest, 1000, encode(digest, 'hex') from unnest($2::bytea[]) digest returning id
         ), pb as (
           insert into project_blob (project_id, blob_id) select $1, id from b
         ), candidate as (
           insert into blob_candidate (blob_id, check_after) select id, now() from b
         )
         select charge_project($1, 100 * 1000)`,
        [projectId, digests],
      );
      await client.query(`select collect_blobs('1 day', '1 day', 100)`);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await running;
      await client.end();
    },
  };
}
