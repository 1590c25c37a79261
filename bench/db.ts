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
    $1, $2, $3, 'image', '${MANIFEST_TYPE}', null, null, '{}'::jsonb, $4, $5::bytea[], '{}'::bytea[], false,
    '{}'::bytea[], '{}'::jsonb[], $6::text[], 'bench', 'bench')`;

const newDigest = () => Buffer.concat([Buffer.of(1), randomBytes(32)]);

interface Variant {
  title: string;
  repositories: number;
  /** Each push moves the same tag of its repository instead of making a new one. */
  movesTag: boolean;
}

const variants: Variant[] = [
  { title: 'a repository for each connection', repositories: connections, movesTag: false },
  { title: 'one repository for all', repositories: 1, movesTag: false },
  {
    title: 'a repository for each, always the tag latest',
    repositories: connections,
    movesTag: true,
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
  for (const variant of variants) {
    const targets = await makeRepositories(clients[0]!, variant.repositories);
    const rates: number[] = [];
    const times: number[] = [];
    for (let round = 0; round < Number(values.rounds); round += 1) {
      const begin = performance.now();
      const perClient = await Promise.all(
        clients.map((client, n) => pushUntilOver(client, targets, { n, variant })),
      );
      const all = perClient.flat();
      rates.push(all.length / ((performance.now() - begin) / 1000));
      times.push(...all);
    }
    console.log(describe(variant, rates, times));
  }
  for (const client of clients) await client.end();
}

function describe({ title }: Variant, rates: number[], times: number[]): string {
  const sorted = Float64Array.from(times).sort();
  const at = (part: number) => sorted[Math.floor(sorted.length * part)]!.toFixed(1);
  const rate = median(rates);
  const verdict = `(≥ ${LEAST_COMMITS} ${rate >= LEAST_COMMITS ? '✓' : '✗'})`;
  return `  ${title}: ${Math.round(rate)} ${verdict}, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`;
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

interface Targets {
  projectId: number;
  names: string[];
  layers: Buffer[];
}

/** Repositories of a new project that serve the same layers. */
async function makeRepositories(client: pg.Client, count: number): Promise<Targets> {
  const layers = Array.from({ length: BASE_LAYERS }, newDigest);
  const name = `p${randomBytes(4).toString('hex')}`;
  const { rows } = await client.query<{ project_id: number; name: string }>(
    `with p as (
       insert into project (name, owner_id) select $1, min(id) from user_account returning id
     ), r as (
       insert into repository (project_id, name)
       select p.id, $1 || '/r' || n from p, generate_series(1, $2::int) n returning id, project_id, name
     ), b as (
       insert into blob (digest, size_bytes, location)
       select digest, 1000, encode(digest, 'hex') from unnest($3::bytea[]) digest returning id
     ), rb as (
       insert into repository_blob (repository_id, blob_id) select r.id, b.id from r, b
     ), candidate as (
       insert into blob_candidate (blob_id, check_after) select id, now() + interval '1 day' from b
     )
     select r.project_id, r.name from r order by r.id`,
    [name, count, layers],
  );
  await client.query('analyze');
  return {
    projectId: rows[0]!.project_id,
    names: rows.map((row) => row.name),
    layers,
  };
}

/** Pushes one manifest after another; answers how long each took, in milliseconds. */
async function pushUntilOver(
  client: pg.Client,
  { projectId, names, layers }: Targets,
  { n, variant }: { n: number; variant: Variant },
): Promise<number[]> {
  const name = names[n % names.length];
  const until = performance.now() + seconds * 1000;
  const times: number[] = [];
  for (let begin = performance.now(); begin < until; begin = performance.now()) {
    const digest = newDigest();
    const tag = variant.movesTag ? 'latest' : digest.toString('hex');
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
