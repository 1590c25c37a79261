import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { sql } from 'kysely';

import {
  backUp,
  emptyPlace,
  pullEverything,
  restoreInto,
  startAt,
} from '../../../test/harness/backup.ts';
import { digestOf, must, pushBlob, pushImage } from '../../../test/harness/registry.ts';
import { startApp, temporaryFolder, type TestApp } from '../../../test/harness.ts';
import { dispatching } from '../../platform/events/index.ts';
import { listHolds, takeHold } from '../garbage-collection/index.ts';
import { listNames } from './backup-folder.ts';
import { blobPath } from './blob-folder.ts';
import { Progress } from './progress.ts';
import { verifyBackup } from './verify-backup.ts';

const APP = 'library/app';

async function start(t: TestContext) {
  const app = await startApp(t);
  const dir = join(await temporaryFolder(t), 'backups');
  return { ...app, admin: app.as('admin'), dir };
}

const quietly = {
  progress: new Progress({ write() {} }),
  signal: new AbortController().signal,
};

/** The files of all content in a folder of backups. */
async function listContent(dir: string): Promise<string[]> {
  const entries = await readdir(join(dir, 'blobs'), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

/** The file where the folder store has a blob. */
async function fileOf({ platform }: TestApp, content: string): Promise<string> {
  const { rows } = await sql<{ location: string }>`
    select location from blob where digest = ${Buffer.from(`01${digestOf(content).slice(7)}`, 'hex')}`.execute(
    platform.db,
  );
  return join(platform.config.data, 'blobs', rows[0]!.location);
}

test('what is restored elsewhere is the registry as it was', async (t) => {
  const app = await start(t);
  await app.createProject('team');
  await app.createUser('ann', { team: 2 });
  const ann = app.as('ann');
  const layers = ['layer', 'x'.repeat(300_000), ''];
  await pushImage(ann, 'team/app', '1', { layers });
  await pushImage(ann, 'team/app', '2', { layers: ['other\n\t\\\0'], config: '{"a":1}' });
  await pushBlob(ann, 'team/app', 'with a longer digest', 'sha512');
  const gone = await pushImage(ann, 'team/gone', '1', { layers: ['gone'] });
  must(await app.admin.delete(`/v2/team/gone/manifests/${gone.digest}`), 202);
  await sql`select dispatch_events(1000)`.execute(app.platform.db);

  const { manifest } = await backUp(app, app.dir);
  const place = await emptyPlace(t);
  const damaged = await restoreInto(place, app.dir);

  assert.deepEqual(damaged, []);
  assert.equal(manifest.blobs.new_count, manifest.blobs.count);
  const restored = await startAt(t, place);
  assert.deepEqual(await pullEverything(restored), await pullEverything(app));
  for (const path of ['audit-logs', 'trash', 'projects', 'users', 'projects/team/members']) {
    const there = await restored.as('admin').get(`/api/v2.0/${path}`);
    assert.deepEqual(there.json(), (await app.admin.get(`/api/v2.0/${path}`)).json(), path);
  }
  await pushImage(restored.as('ann'), 'team/app', '3', { layers: ['new', 'layer'] });
  await restored.createProject('another');
});

test('every table is in a backup, but for what is only of its moment', async (t) => {
  const app = await start(t);

  const { manifest } = await backUp(app, app.dir);

  const names = manifest.tables.map(({ name }) => name);
  const { rows } = await sql<{ name: string }>`
    select relname::text as name from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition`.execute(
    app.platform.db,
  );
  assert.deepEqual(
    rows
      .map(({ name }) => name)
      .filter((name) => !names.includes(name))
      .toSorted(),
    [
      'blob_deletion',
      'collection_hold',
      'session',
      'sign_in_failure',
      'signing_key',
      'unfinished_restore',
      'unrestored_blob',
      'upload',
    ],
  );
});

test('while images are pushed a backup shows one moment, with all that was pushed before', async (t) => {
  const app = await start(t);
  const push = (tag: string) =>
    pushImage(app.admin, APP, tag, { config: `{"tag":"${tag}"}`, layers: [`layer of ${tag}`] });
  for (let i = 0; i < 10; i++) await push(`before-${i}`);
  const before = await pullEverything(app);
  const stopping = new AbortController();
  const pushing = (async () => {
    for (let i = 0; !stopping.signal.aborted; i++) await push(`while-${i}`);
  })();

  await backUp(app, app.dir);
  await backUp(app, app.dir);
  stopping.abort();
  await pushing;
  const place = await emptyPlace(t);
  await restoreInto(place, app.dir);

  const after = await pullEverything(await startAt(t, place));
  for (const [path, reply] of after) assert.match(reply, /^200 /, path);
  before.delete(`/v2/${APP}/tags/list`);
  for (const [path, reply] of before) assert.equal(after.get(path), reply, path);
});

test('the next backup brings only what is new, and both can be restored', async (t) => {
  const app = await start(t);
  await pushImage(app.admin, APP, '1', { layers: ['one'] });
  const first = await backUp(app, app.dir);
  const before = await pullEverything(app);
  await pushImage(app.admin, APP, '2', { layers: ['one', 'two'] });

  const second = await backUp(app, app.dir);
  const place = await emptyPlace(t);
  await restoreInto(place, app.dir, { name: first.manifest.name });

  assert.deepEqual([first.manifest.blobs.new_count, second.manifest.blobs.new_count], [2, 1]);
  assert.equal(second.manifest.blobs.count, 3);
  assert.equal((await listContent(app.dir)).length, 3);
  assert.equal((await stat(await fileOf(app, 'two'))).nlink, 2, 'they share one file');
  assert.deepEqual(await pullEverything(await startAt(t, place)), before);
});

test('old backups go, and with them what only they named', async (t) => {
  const app = await start(t);
  const { digest } = await pushImage(app.admin, APP, '1', { layers: ['one'] });
  await backUp(app, app.dir);
  must(await app.admin.delete(`/v2/${APP}/manifests/${digest}`), 202);
  await sql`with m as (delete from manifest_blob), r as (delete from repository_blob), p as (delete from project_blob)
    select`.execute(app.platform.db);
  await sql`delete from blob`.execute(app.platform.db);
  await pushImage(app.admin, APP, '2', { layers: ['two'], config: '{"two":2}' });
  const second = await backUp(app, app.dir);
  const third = await backUp(app, app.dir, { keep: 2 });
  const contentOfThree = await listContent(app.dir);

  const fourth = await backUp(app, app.dir, { keep: 1 });

  assert.equal(contentOfThree.length, 2);
  assert.deepEqual(fourth.removed, [third.manifest.name, second.manifest.name]);
  assert.deepEqual(await listNames(app.dir), [fourth.manifest.name]);
  assert.deepEqual(
    (await listContent(app.dir)).toSorted(),
    [digestOf('two').slice(7), digestOf('{"two":2}').slice(7)].toSorted(),
  );
});

test('a blob that the store has lost, or in part, is named; such a backup pushes no whole one out', async (t) => {
  const app = await start(t);
  await pushImage(app.admin, APP, '1', { layers: ['whole', 'lost', 'cut off'] });
  const whole = await backUp(app, join(app.dir, '..', 'elsewhere'));
  await rm(await fileOf(app, 'lost'));
  await truncate(await fileOf(app, 'cut off'), 3);

  const first = await backUp(app, app.dir, { keep: 1 });
  const second = await backUp(app, app.dir, { keep: 1 });

  assert.equal(whole.manifest.blobs.missing.length, 0);
  const { missing, new_count } = first.manifest.blobs;
  assert.deepEqual(
    missing.map(({ digest }) => digest).toSorted(),
    [digestOf('lost'), digestOf('cut off')].toSorted(),
  );
  assert.equal(new_count, 2);
  assert.equal(second.manifest.blobs.missing.length, 2);
  assert.deepEqual(second.removed, []);
});

test('a store that is another one than that of the registry is no reason for an empty backup', async (t) => {
  const app = await start(t);
  await backUp(app, app.dir);
  await sql`insert into blob (digest, size_bytes, location)
    select '\\x01'::bytea || sha256(i::text::bytea), 1, 'ab/' || gen_random_uuid()
    from generate_series(1, 1001) i`.execute(app.platform.db);

  await assert.rejects(backUp(app, app.dir), /more than 1000 blobs cannot be read; is this the/);
  const { storage } = (await startApp(t)).platform;
  await assert.rejects(backUp(app, app.dir, { storage }), /lacks the mark of this database/);
  assert.equal((await listNames(app.dir)).length, 1);

  await backUp(app, app.dir, { storage, content: 'listed' });
});

/** What the audit log says of backups. */
async function listEntries({ platform, as }: TestApp): Promise<string[]> {
  await dispatching.run(platform, new AbortController().signal);
  const reply = await as('admin').get('/api/v2.0/auditlog-exts?q=resource_type=backup');
  return reply
    .json<{ operation: string; resource: string }[]>()
    .map(({ operation, resource }) => `${operation} backup ${resource}`);
}

test('backups and restores are in the audit log, and a restored registry has a store of its own', async (t) => {
  const app = await start(t);
  await pushImage(app.admin, APP, '1', { layers: ['layer'] });
  const { manifest } = await backUp(app, app.dir);
  const place = await emptyPlace(t);
  await restoreInto(place, app.dir);
  const restored = await startAt(t, place);

  assert.deepEqual(await listEntries(app), [`create backup ${manifest.name}`]);
  assert.deepEqual(await listEntries(restored), [`restore backup ${manifest.name}`]);
  await backUp(restored, join(app.dir, '..', 'others'));
  await assert.rejects(
    backUp(restored, app.dir, { storage: app.platform.storage }),
    /marked as the store of another database/,
  );
});

test('damage to content is found when it is read again, and mended by the next backup', async (t) => {
  const app = await start(t);
  await pushImage(app.admin, APP, '1', { layers: ['rotten', 'short', 'lost', 'whole'] });
  app.platform.storage.linkTo = async () => false;
  const { manifest } = await backUp(app, app.dir);
  const paths = ['rotten', 'short', 'lost'].map((text) => blobPath(app.dir, digestOf(text)));
  await writeFile(paths[0]!, 'ROTTEN');
  await truncate(paths[1]!, 3);
  await rm(paths[2]!);
  const verify = () => verifyBackup({ root: app.dir, name: manifest.name }, quietly);

  const { damaged } = await verify();
  for (const path of paths) await rm(path, { force: true });
  const next = await backUp(app, app.dir);

  assert.deepEqual(
    damaged.map(({ digest }) => digest).toSorted(),
    ['rotten', 'short', 'lost'].map((text) => digestOf(text)).toSorted(),
  );
  assert.equal(next.manifest.blobs.new_count, 3);
  assert.deepEqual((await verify()).damaged, []);
});

test('nothing is removed from the store while a backup runs, and a hold that a crash left is taken over', async (t) => {
  const app = await start(t);
  const { db, storage } = app.platform;
  await pushBlob(app.admin, APP, 'content');
  await backUp(app, app.dir);
  const names: string[] = [];
  await pushBlob(app.admin, APP, 'more');
  const link = storage.linkTo!.bind(storage);
  storage.linkTo = async (location, path) => {
    names.push(...(await listHolds(db)).map(({ name }) => name));
    return link(location, path);
  };
  await backUp(app, app.dir);
  await takeHold(db, { name: names[0]!, reason: 'left', expiresInSeconds: 600 });
  const { manifest } = await backUp(app, app.dir);

  assert.match(names.join(), /^backup-[0-9a-f]{8}$/);
  assert.equal(manifest.blobs.count, 2);
  assert.deepEqual(await listHolds(db), []);
});

test('of two backups into one folder at once one is refused', async (t) => {
  const app = await start(t);

  const both = await Promise.allSettled([backUp(app, app.dir), backUp(app, app.dir)]);

  const refused = both.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
  assert.match(String(refused.reason), /another run \(process \d+\) is writing to .*: wait/);
  assert.equal((await listNames(app.dir)).length, 1);
});

test('a folder with other things, of another registry, or whose parent is missing, is refused', async (t) => {
  const app = await start(t);
  const other = await start(t);
  await sql`update registry_identity set id = gen_random_uuid()`.execute(other.platform.db);
  await backUp(app, app.dir);
  const full = await temporaryFolder(t);
  await writeFile(join(full, 'something'), '');

  await assert.rejects(
    backUp(other, app.dir),
    /holds backups of another registry \(.*choose another/,
  );
  await assert.rejects(
    backUp(app, full),
    /holds other things than backups: choose an empty folder/,
  );
  await assert.rejects(
    backUp(app, join(full, 'not', 'there')),
    /is not there: is its disk mounted/,
  );
  await assert.rejects(backUp(app, join(full, 'something')), /something is not a folder/);

  assert.deepEqual(await readdir(full), ['something']);
});

test('a damaged sign of the folder is told of, and what is in it can be restored', async (t) => {
  const app = await start(t);
  await pushImage(app.admin, APP, '1', { layers: ['layer'] });
  await backUp(app, app.dir);
  await truncate(join(app.dir, 'roadstead-backups.json'), 20);

  await assert.rejects(backUp(app, app.dir), /roadstead-backups.json is damaged: bring it back/);

  const place = await emptyPlace(t);
  assert.deepEqual(await restoreInto(place, app.dir), []);
});

test('what others put into the folder is left alone, and in nobody’s way', async (t) => {
  const app = await start(t);
  await pushImage(app.admin, APP, '1', { layers: ['layer'] });
  await backUp(app, app.dir);
  const shard = dirname(blobPath(app.dir, digestOf('layer')));
  const theirs = [app.dir, dirname(dirname(shard)), dirname(shard), shard].map((folder) =>
    join(folder, '@eaDir'),
  );
  for (const folder of theirs) await mkdir(folder);
  const files = [join(dirname(shard), 'Thumbs.db'), join(theirs[2]!, 'of theirs')];
  for (const file of files) await writeFile(file, '');

  const { removed } = await backUp(app, app.dir, { keep: 1 });

  assert.equal(removed.length, 1);
  for (const path of [...theirs, ...files]) assert.ok(existsSync(path), path);
});

test('only its owner can read a backup', async (t) => {
  const app = await start(t);
  await pushBlob(app.admin, APP, 'content');
  app.platform.storage.linkTo = async () => false;

  await backUp(app, app.dir);

  const entries = await readdir(app.dir, { recursive: true, withFileTypes: true });
  assert.ok(entries.length > 20);
  for (const entry of entries) {
    const { mode } = await stat(join(entry.parentPath, entry.name));
    assert.equal(mode & 0o777, entry.isFile() ? 0o600 : 0o700, entry.name);
  }
});
