import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { findBinaries } from './find-binaries.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './index.ts';
import { parsePostmasterPid, readPostmasterPid } from './postmaster-pid.ts';
import { chooseRunAs, spawnAs } from './run-as.ts';

const log = { info() {}, warn() {}, error() {} };
const settings = { fsync: 'off' };

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function makeDataDir(name = 'postgres'): string {
  const folder = realpathSync(mkdtempSync('/tmp/roadstead-test-'));
  chmodSync(folder, 0o711); // for root without user namespaces, where PostgreSQL runs as somebody else
  folders.push(folder);
  return path.join(folder, name);
}

async function start(t: TestContext, dataDir: string): Promise<EmbeddedPostgres> {
  const postgres = await startEmbeddedPostgres({ dataDir, log, settings });
  t.after(() => postgres.stop());
  return postgres;
}

async function query(postgres: EmbeddedPostgres, text: string): Promise<unknown[]> {
  const client = new pg.Client(postgres.connection);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows.flatMap((row) =>
      Object.values(row),
    );
  } finally {
    await client.end();
  }
}

/** A process that starts it and stays; killed with SIGKILL at the end. */
async function startElsewhere(t: TestContext, dataDir: string) {
  const child = fork(path.join(import.meta.dirname, 'fixtures', 'starter.ts'), [dataDir], {
    execArgv: [],
  });
  t.after(() => child.kill('SIGKILL'));
  const [message] = (await once(child, 'message')) as [{ ready?: true; error?: string }];
  return { child, ...message };
}

test('the first start makes a database, the second keeps it and is quick', async (t) => {
  const dataDir = makeDataDir();

  const first = await startEmbeddedPostgres({ dataDir, log, settings });
  await query(first, 'create table kept as select 1 as one');
  await first.stop();
  const begin = Date.now();
  const second = await start(t, dataDir);
  const tookMs = Date.now() - begin;

  assert.deepEqual(await query(second, 'select one from kept'), [1]);
  assert.deepEqual(
    await query(
      second,
      `select datlocale || pg_encoding_to_char(encoding) from pg_database where datname = 'roadstead'`,
    ),
    ['C.UTF-8UTF8'],
  );
  assert.deepEqual(
    await query(
      second,
      `select current_setting('data_checksums') || current_setting('listen_addresses')`,
    ),
    ['on'],
  );
  assert.ok(tookMs < 20_000, `took ${tookMs} ms`);
  assert.equal(statSync(second.connection.host).mode & 0o777, 0o700);
  assert.equal(statSync(dataDir).mode & 0o777, 0o700);
});

test('a long path with spaces, quotes and a symbolic link works', async (t) => {
  const dataDir = makeDataDir(path.join(`a 'b" ${'ü'.repeat(60)}`, 'c'.repeat(150), 'postgres'));
  const link = `${makeDataDir()}-link`;
  mkdirSync(dataDir, { recursive: true });
  symlinkSync(dataDir, link);

  const postgres = await start(t, link);

  assert.deepEqual(await query(postgres, 'select 1'), [1]);
  await assert.rejects(
    startEmbeddedPostgres({ dataDir, log, settings }),
    /Another roadstead server/,
  );
});

test('a postmaster that a killed server left is ended and its data kept', async (t) => {
  const dataDir = makeDataDir();
  await (await startEmbeddedPostgres({ dataDir, log, settings })).stop();
  const binaries = findBinaries();
  const runAs = await chooseRunAs({ binaries, dataDir, log });
  const command = [
    binaries.postgres,
    '-D',
    dataDir,
    '-k',
    '/tmp',
    '-c',
    'listen_addresses=',
    '-p',
    '54329',
  ];
  const left = spawnAs({ ...runAs, endsWithUs: false }, command, {
    stdio: 'ignore',
    detached: true,
  });
  while (readPostmasterPid(dataDir)?.status !== 'ready') await sleep(5);
  const begin = Date.now();

  const postgres = await start(t, dataDir);

  assert.ok(Date.now() - begin < 20_000);
  assert.equal(left.exitCode, 0);
  assert.notEqual(readPostmasterPid(dataDir)!.pid, left.pid);
  assert.deepEqual(await query(postgres, 'select 1'), [1]);
});

test('after kill -9 of the server its postmaster ends, and the next start is quick', async (t) => {
  const dataDir = makeDataDir();
  const { child, error } = await startElsewhere(t, dataDir);
  assert.equal(error, undefined);
  const left = readPostmasterPid(dataDir)!.pid;

  child.kill('SIGKILL');
  await once(child, 'exit');
  const begin = Date.now();
  const postgres = await start(t, dataDir);

  assert.ok(Date.now() - begin < 20_000);
  assert.notEqual(readPostmasterPid(dataDir)!.pid, left);
  assert.deepEqual(await query(postgres, 'select one from by_starter'), [1]);
});

test('a killed postmaster is reported, and the next start recovers', async (t) => {
  const dataDir = makeDataDir();
  const first = await startEmbeddedPostgres({ dataDir, log, settings });
  await query(first, 'create table kept as select 1 as one');
  // A backend that is computing does not notice the end of its postmaster.
  const busy = new pg.Client(first.connection);
  busy.on('error', () => {});
  await busy.connect();
  const computing = busy.query('select count(*) from generate_series(1, 1e11)').catch(() => {});

  process.kill(readPostmasterPid(dataDir)!.pid, 'SIGKILL');
  assert.equal(await first.exited, null);
  await first.stop();
  const second = await start(t, dataDir);

  assert.deepEqual(await query(second, 'select one from kept'), [1]);
  await computing;
});

test('a stop that fails gives back the folder all the same', async (t) => {
  const dataDir = makeDataDir();
  const first = await startEmbeddedPostgres({ dataDir, log, settings });
  const inTheWay = `${dataDir}.lock-owner`;
  rmSync(inTheWay);
  mkdirSync(inTheWay);

  await assert.rejects(first.stop());
  rmSync(inTheWay, { recursive: true });

  await start(t, dataDir);
});

test('of two servers on one folder the second is refused, also when they start at once', async (t) => {
  const dataDir = makeDataDir();

  const starters = await Promise.all([startElsewhere(t, dataDir), startElsewhere(t, dataDir)]);

  const refused = starters.filter(({ error }) => error !== undefined);
  const running = starters.find(({ ready }) => ready === true)!;
  assert.equal(refused.length, 1);
  assert.match(refused[0]!.error!, /Another roadstead server .*is running/);
  running.child.send('stop');
  await once(running.child, 'exit');
  await start(t, dataDir);
});

test('an initdb that was killed half-way leaves nothing behind', async (t) => {
  const dataDir = makeDataDir();
  const child = fork(path.join(import.meta.dirname, 'fixtures', 'starter.ts'), [dataDir], {
    execArgv: [],
  });
  const parent = path.dirname(dataDir);
  const isHalf = () =>
    readdirSync(parent).some(
      (name) =>
        name.startsWith('postgres.new-') && existsSync(path.join(parent, name, 'PG_VERSION')),
    );
  while (!isHalf()) await sleep(2);
  child.kill('SIGKILL');
  await once(child, 'exit');

  const second = await startEmbeddedPostgres({ dataDir, log, settings });
  assert.deepEqual(await query(second, 'select 1'), [1]);
  await second.stop();
  await start(t, dataDir);

  assert.deepEqual(
    readdirSync(parent).filter((name) => name.includes('.new-')),
    [],
  );
});

test('a postmaster.pid whose number another program has now is no obstacle', async (t) => {
  const dataDir = makeDataDir();
  await (await startEmbeddedPostgres({ dataDir, log, settings })).stop();
  writeFileSync(
    path.join(dataDir, 'postmaster.pid'),
    `${process.pid}\n${dataDir}\n1\n5432\n/tmp\n\n0 0\nready\n`,
  );

  const postgres = await start(t, dataDir);

  assert.deepEqual(await query(postgres, 'select 1'), [1]);
});

test('a folder of another version, or with other files, is refused untouched', async () => {
  const dataDir = makeDataDir();
  mkdirSync(dataDir);

  writeFileSync(path.join(dataDir, 'photo.jpg'), '');
  await assert.rejects(startEmbeddedPostgres({ dataDir, log }), /neither empty nor/);
  writeFileSync(path.join(dataDir, 'PG_VERSION'), '17\n');
  await assert.rejects(
    startEmbeddedPostgres({ dataDir, log }),
    /PostgreSQL 17; .* brings PostgreSQL 18/,
  );

  assert.deepEqual(readdirSync(dataDir), ['PG_VERSION', 'photo.jpg']);
});

test('a socket folder that somebody else prepared is refused', async (t) => {
  const dataDir = makeDataDir();
  const first = await startEmbeddedPostgres({ dataDir, log, settings });
  const { host } = first.connection;
  await first.stop();
  assert.ok(!existsSync(host));
  symlinkSync('/tmp', host);
  t.after(() => rmSync(host));

  await assert.rejects(startEmbeddedPostgres({ dataDir, log, settings }), /symbolic link/);
});

test('settings that PostgreSQL refuses are an error with its words, and the folder is free again', async (t) => {
  const dataDir = makeDataDir();

  const bad = startEmbeddedPostgres({
    dataDir,
    log,
    settings: { ...settings, shared_buffers: 'much' },
  });
  await assert.rejects(bad, /invalid value for parameter "shared_buffers"/);

  await start(t, dataDir);
  assert.match(readFileSync(`${dataDir}.log`, 'utf8'), /ready to accept connections/);
});

test('the lines of postmaster.pid', () => {
  const text =
    '321\n/data/postgres\n1700000000\n5432\n/tmp/roadstead-0-ab\n\n  123 456\nready   \n';

  assert.deepEqual(parsePostmasterPid(text), {
    pid: 321,
    port: 5432,
    socketDirectory: '/tmp/roadstead-0-ab',
    status: 'ready',
  });
  assert.deepEqual(parsePostmasterPid(''), { pid: 0, port: 0, socketDirectory: '', status: '' });
});
