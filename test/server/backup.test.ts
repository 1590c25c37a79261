import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { sql } from 'kysely';

import { createDatabase, open } from '../harness/database.ts';
import { pushBlob, pushImage, verify } from './support/content.ts';
import { startExternalPostgres } from './support/external-postgres.ts';
import {
  ADMIN_PASSWORD,
  databaseUrl,
  onEnd,
  run,
  runToEnd,
  startServer,
  stopServer,
  temporaryFolder,
  waitFor,
  type Program,
  type Server,
} from './support/program.ts';

const PASSWORD = { ROADSTEAD_ADMIN_PASSWORD: ADMIN_PASSWORD };
const BACKUP = /^Backup: +(\S+)/;

const listBackups = (dir: string) => readdirSync(dir).filter((name) => /^\d/.test(name));
const listPartial = (dir: string) => readdirSync(dir).filter((name) => name.startsWith('.'));

/** A server with an image in it, and where to back it up to. */
async function start(t: TestContext) {
  onEnd(t, () => {}); // so that the server ends before its database does
  const address = await createDatabase(t);
  const url = databaseUrl(address);
  const server = await startServer(t, { env: { ...PASSWORD, DATABASE_URL: url } });
  const digests = await pushImage(server.url, '1');
  const dir = join(temporaryFolder(t), 'backups');
  const env = { ROADSTEAD_DATA: server.data, DATABASE_URL: url };
  return { server, address, digests, dir, env };
}

/** Starts a backup, and does what is given while it waits for a lock in the middle of the rows. */
async function whileItWaits(
  t: TestContext,
  { address, dir, env }: Awaited<ReturnType<typeof start>>,
  act: (backup: Program) => void,
): Promise<Program> {
  const db = open(address, 1);
  try {
    return await db.transaction().execute(async (tx) => {
      await sql`lock table tag in access exclusive mode`.execute(tx);
      const backup = run(t, ['backup', dir], { env });
      const isInside = () =>
        existsSync(dir) && readdirSync(dir, { recursive: true }).join().includes('repository.copy');
      await waitFor(isInside, 60_000, () => backup.output());
      act(backup);
      await backup.ended;
      return backup;
    });
  } finally {
    await db.destroy();
  }
}

const place = async (t: TestContext, data: string) => ({
  ROADSTEAD_DATA: data,
  DATABASE_URL: databaseUrl(await createDatabase(t, { isEmpty: true })),
});

async function verifyImage(server: Server, [config, layer, manifest]: string[]) {
  await verify(server.url, 'blobs', config!);
  await verify(server.url, 'blobs', layer!);
  await verify(server.url, 'manifests', manifest!);
}

/** A data folder with the key of another one. */
function dataWithKey(t: TestContext, of: string): string {
  const data = join(temporaryFolder(t), 'data');
  mkdirSync(data, { mode: 0o700 });
  copyFileSync(join(of, 'secret.key'), join(data, 'secret.key'));
  return data;
}

test('from the embedded database to an external one with the same blobs, and back elsewhere', async (t) => {
  const server = await startServer(t, { env: PASSWORD });
  const digests = await pushImage(server.url, '1');
  const folder = temporaryFolder(t);
  const listed = join(folder, 'listed');
  const whole = join(folder, 'whole');
  const own = { ROADSTEAD_DATA: server.data };

  const running = await runToEnd(t, ['backup', whole], { env: own });
  await stopServer(server);
  const stopped = await runToEnd(t, ['backup', listed, '--blobs', 'list'], { env: own });
  const external = await startExternalPostgres(t);
  await external.query(`create database registry encoding 'UTF8' template template0`);
  await external.query(`alter database registry set statement_timeout = '1s'`);
  await external.query(`alter database registry set idle_in_transaction_session_timeout = '1s'`);
  await external.query(`alter database registry set transaction_timeout = '1s'`);
  await external.query(`alter database registry set lock_timeout = '1s'`);
  await external.query(`alter database registry set datestyle = 'German, DMY'`);
  const there = { ...own, DATABASE_URL: external.url('registry') };
  const moved = await runToEnd(t, ['restore', listed, '--keep-blobs'], { env: there });

  assert.deepEqual([running.code, stopped.code, moved.code], [0, 0, 0], moved.stderr);
  assert.match(running.stdout, /Not in it: \S+secret\.key/);
  const second = await startServer(t, { data: server.data, env: there });
  await verifyImage(second, digests);
  const more = await pushImage(second.url, '2');
  const again = await runToEnd(t, ['backup', whole], { env: there });
  const data = dataWithKey(t, server.data);
  const back = await runToEnd(t, ['restore', whole], { env: { ROADSTEAD_DATA: data } });

  assert.deepEqual([again.code, back.code], [0, 0], again.stderr + back.stderr);
  assert.match(again.stdout, /New: +2 blobs/);
  const third = await startServer(t, { data });
  await verifyImage(third, digests);
  await verifyImage(third, more);
});

test('a backup that is killed leaves none, and the next one clears up', async (t) => {
  const app = await start(t);
  const { dir, env } = app;

  await whileItWaits(t, app, (backup) => backup.signal('SIGKILL'));
  const left = listPartial(dir);
  const list = await runToEnd(t, ['backup', dir, '--list'], { env });
  const none = await runToEnd(t, ['restore', dir], { env });
  const next = await runToEnd(t, ['backup', dir], { env });

  assert.equal(left.length, 1);
  assert.deepEqual([list.code, list.stdout], [0, '']);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /holds no backup that was finished/);
  assert.equal(next.code, 0, next.stderr);
  assert.deepEqual([listBackups(dir).length, listPartial(dir).length], [1, 0]);
});

test('Ctrl-C ends a backup whatever the database does, with nothing left', async (t) => {
  const app = await start(t);

  const stopped = await whileItWaits(t, app, (backup) => backup.signalGroup('SIGINT'));

  assert.equal((await stopped.ended).code, 1);
  assert.match(stopped.stderr(), /^roadstead: stopped/m);
  assert.deepEqual([...listBackups(app.dir), ...listPartial(app.dir)], []);
});

test('no server starts on what a restore that was killed left; the same command goes on with it', async (t) => {
  const { server, dir, digests, env } = await start(t);
  const blobs = await Promise.all(Array.from({ length: 40 }, () => pushBlob(server.url, 300_000)));
  const { stdout } = await runToEnd(t, ['backup', dir], { env });
  const [, name] = BACKUP.exec(stdout)!;
  const data = dataWithKey(t, server.data);
  const there = await place(t, data);
  // Whoever opens it waits for its other end.
  const file = join(dir, 'blobs/sha256', blobs[0]!.slice(7, 9), blobs[0]!.slice(7));
  renameSync(file, `${file}.aside`);
  execFileSync('mkfifo', [file]);

  const killed = run(t, ['restore', dir], { env: there });
  const count = () =>
    readdirSync(data, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
      .length;
  await waitFor(
    () => count() > 20,
    60_000,
    () => killed.output(),
  );
  killed.signal('SIGKILL');
  await killed.ended;
  renameSync(`${file}.aside`, file);
  const refused = await runToEnd(t, ['server'], { env: { ...there, ROADSTEAD_PORT: '0' } });
  const backup = await runToEnd(t, ['backup', join(dir, '..', 'other')], { env: there });
  const resumed = await runToEnd(t, ['restore', dir], { env: there });

  const goOn = new RegExp(
    `^roadstead: the restore of ${name} is not finished; go on with it: roadstead restore ${dir} --backup ${name}$`,
    'm',
  );
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, goOn);
  assert.match(backup.stderr, goOn);
  assert.equal(resumed.code, 0, resumed.stderr);
  const restored = await startServer(t, { data, env: { DATABASE_URL: there.DATABASE_URL } });
  await verifyImage(restored, digests);
  for (const digest of blobs) await verify(restored.url, 'blobs', digest);
  const held = await runToEnd(t, ['gc'], { env: there });
  assert.match(held.stdout, /held by restore .* \(roadstead gc --release-hold restore\)/);
});

test('what is damaged is named, with an exit code of its own', async (t) => {
  const { server, dir, env } = await start(t);
  await runToEnd(t, ['backup', dir], { env });
  const whole = await runToEnd(t, ['backup', dir, '--verify'], { env });
  const list = await runToEnd(t, ['backup', dir, '--list'], { env });
  const [file] = readdirSync(join(dir, 'blobs'), { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile(),
  );
  rmSync(join(file!.parentPath, file!.name));
  const there = await place(t, dataWithKey(t, server.data));

  const damaged = await runToEnd(t, ['backup', dir, '--verify'], { env });
  const refused = await runToEnd(t, ['restore', dir], { env: there });
  const accepted = await runToEnd(t, ['restore', dir, '--without-damaged'], { env: there });

  assert.equal(whole.code, 0);
  assert.match(whole.stdout, / is whole: 1 repositories, 1 tags, 2 blobs/);
  assert.match(list.stdout, /^2\S+Z {2}1 repositories, 1 tags, 2 blobs/);
  for (const { code, stderr } of [damaged, refused, accepted]) {
    assert.equal(code, 3);
    assert.match(stderr, new RegExp(`^  sha256:${file!.name}: `, 'm'));
  }
  assert.match(refused.stdout, /is NOT restored/);
  assert.match(accepted.stdout, /is restored/);
  assert.equal(statSync(dir).mode & 0o777, 0o700);
});

test('wrong words are explained', async (t) => {
  const env = { ROADSTEAD_DATA: join(temporaryFolder(t), 'data') };
  const dir = temporaryFolder(t);
  const attempts: [string[], number, RegExp][] = [
    [['backup'], 2, /DIR is missing/],
    [['backup', ''], 2, /DIR is missing/],
    [['backup', dir, '--keep', '0'], 2, /--keep wants a number from 1 on/],
    [['backup', dir, '--keep', 'x'], 2, /--keep wants a number from 1 on/],
    [['backup', dir, '--blobs', 'all'], 2, /--blobs wants copy or list/],
    [['backup', dir, '--list'], 1, /is not a folder of backups/],
    [['restore', dir], 1, /is not a folder of backups/],
  ];

  for (const [words, code, message] of attempts) {
    const result = await runToEnd(t, words, { env });
    assert.match(result.stderr, message);
    assert.equal(result.code, code);
  }
  const early = await runToEnd(t, ['backup', dir], { env });
  assert.match(early.stderr, /there is no registry in this database yet; start the server once/);
});
