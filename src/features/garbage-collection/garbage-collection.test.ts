import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { sql } from 'kysely';

import { startApp, type TestApp } from '../../../test/harness.ts';
import {
  beginUpload,
  digestOf,
  listStoredFiles,
  must,
  pushBlob,
  pushImage,
} from '../../../test/harness/registry.ts';
import { claimBlobDeletions, collectBlobs, findReclaimable } from '../artifacts/index.ts';
import { collectGarbage } from './index.ts';

const APP = 'library/app';
const DAY = 86_400;

/** An app whose collector waits for a day, twice, and lets time pass when it is told to. */
async function start(t: TestContext, gc: Partial<TestApp['platform']['config']['gc']> = {}) {
  const app = await startApp(t, { config: (values) => Object.assign(values.gc, gc) });
  const { platform } = app;
  return {
    ...app,
    admin: app.as('admin'),
    collect: () => collectGarbage(platform, new AbortController().signal),
    /** All that happened is so much longer ago now. */
    async letPass(seconds: number) {
      const ago = sql`make_interval(secs => ${seconds})`;
      await sql`update repository_blob set touched_at = touched_at - ${ago}`.execute(platform.db);
      await sql`update blob_candidate set check_after = check_after - ${ago}`.execute(platform.db);
      await sql`update blob_deletion set not_before = not_before - ${ago}`.execute(platform.db);
      await sql`update upload set updated_at = updated_at - ${ago}, lease_until = lease_until - ${ago}`.execute(
        platform.db,
      );
    },
    statusOf: async (digest: string, repository = APP) =>
      (await app.as('admin').head(`/v2/${repository}/blobs/${digest}`)).statusCode,
  };
}

test('a blob that no manifest came for goes after its grace period, its bytes after the hold', async (t) => {
  const app = await start(t);
  const lost = await pushBlob(app.admin, APP, 'lost');
  await pushImage(app.admin, APP, 'v1', { config: '{"kept":1}', layers: ['kept'] });

  const early = await app.collect();
  await app.letPass(DAY - 60);
  const stillEarly = await app.collect();
  await app.letPass(120);
  const due = await app.collect();
  const filesHeld = (await listStoredFiles(app)).length;
  await app.letPass(DAY);
  const reaped = await app.collect();

  assert.deepEqual([early.blobs, stillEarly.blobs, due.blobs, reaped.blobs], [0, 0, 1, 0]);
  assert.deepEqual([due.bytes, reaped.removed, reaped.removed_bytes], [4, 1, 4]);
  assert.equal(await app.statusOf(lost), 404);
  for (const kept of ['{"kept":1}', 'kept']) assert.equal(await app.statusOf(digestOf(kept)), 200);
  assert.deepEqual([filesHeld, (await listStoredFiles(app)).length], [3, 2]);
});

test('whoever asks for a blob begins its grace period anew', async (t) => {
  const app = await start(t);
  const digest = await pushBlob(app.admin, APP, 'asked for');
  await app.letPass(DAY - 60);

  const asked = await app.statusOf(digest);
  await app.letPass(DAY - 60);
  await app.collect();

  assert.deepEqual([asked, await app.statusOf(digest)], [200, 200]);
});

test('what is in the trash keeps its blobs', async (t) => {
  const app = await start(t, { grace_seconds: 0, hold_seconds: 0 });
  const { digest } = await pushImage(app.admin, APP, 'v1', { layers: ['in the trash'] });

  must(await app.admin.delete(`/v2/${APP}/manifests/${digest}`), 202);
  const round = await app.collect();

  assert.equal(round.blobs, 0);
  assert.equal(await app.statusOf(digestOf('in the trash')), 200);
});

test('a repository forgets a blob that only others use', async (t) => {
  const app = await start(t);
  await pushImage(app.admin, APP, 'v1', { layers: ['shared'] });
  await pushBlob(app.admin, 'library/other', 'shared');

  await app.letPass(DAY + 60);
  const round = await app.collect();

  assert.equal(round.blobs, 0);
  assert.equal(await app.statusOf(digestOf('shared')), 200);
  assert.equal(await app.statusOf(digestOf('shared'), 'library/other'), 404);
});

test('a blob pushed again while its old bytes are held has bytes of its own', async (t) => {
  const app = await start(t);
  await pushBlob(app.admin, APP, 'again');
  await app.letPass(DAY + 60);
  await app.collect();

  await pushImage(app.admin, APP, 'v1', { layers: ['again'] });
  await app.letPass(DAY + 60);
  await app.collect();
  const pulled = await app.admin.get(`/v2/${APP}/blobs/${digestOf('again')}`);

  assert.deepEqual([pulled.statusCode, pulled.body], [200, 'again']);
  assert.equal((await listStoredFiles(app)).length, 2); // this one and the config
});

test('an upload that nobody goes on with is given up, one that somebody writes to is not', async (t) => {
  const app = await start(t, { hold_seconds: 0 });
  const abandoned = await beginUpload(app.admin, APP);
  await app.admin.patch(abandoned, Buffer.from('half'));
  await app.letPass(8 * DAY);
  const fresh = await beginUpload(app.admin, APP);
  await app.admin.patch(fresh, Buffer.from('half'));

  const round = await app.collect();

  assert.deepEqual([round.uploads, round.removed], [1, 1]);
  assert.equal((await app.admin.get(abandoned)).statusCode, 404);
  assert.equal((await app.admin.get(fresh)).statusCode, 204);
  assert.equal((await listStoredFiles(app)).length, 1);
});

test('bytes that could not be removed are tried again later, and the reason is shown', async (t) => {
  const app = await start(t, { grace_seconds: 0, hold_seconds: 0 });
  await pushBlob(app.admin, APP, 'stuck');
  const broken = t.mock.method(app.platform.storage, 'remove', async () => {
    throw new Error('the store is read-only');
  });

  const failed = await app.collect();
  const shown = await findReclaimable(app.platform.db, 0);
  broken.mock.restore();
  const tooSoon = await app.collect();
  await app.letPass(120);
  const later = await app.collect();

  assert.deepEqual([failed.removed, tooSoon.removed, later.removed], [0, 0, 1]);
  assert.deepEqual([shown.waiting, shown.waiting_bytes, shown.failed], [1, 5, 1]);
  assert.match(shown.last_error!, /the store is read-only/);
  assert.equal((await findReclaimable(app.platform.db, 0)).waiting, 0);
});

test('what a killed reaper had begun is done by the next one', async (t) => {
  const app = await start(t, { grace_seconds: 0, hold_seconds: 0 });
  await pushBlob(app.admin, APP, 'begun');
  await collectBlobs(app.platform.db, { graceSeconds: 0, holdSeconds: 0, limit: 10 });
  await claimBlobDeletions(app.platform.db, 10);

  const atOnce = await app.collect();
  await app.letPass(3600);
  const later = await app.collect();

  assert.deepEqual([atOnce.removed, later.removed], [0, 1]);
  assert.deepEqual(await listStoredFiles(app), []);
});

test('the figures tell what could be had back, what is too young and what waits', async (t) => {
  const app = await start(t);
  await pushBlob(app.admin, APP, 'old');
  await app.letPass(DAY + 60);
  await pushBlob(app.admin, APP, 'young');
  await pushImage(app.admin, APP, 'v1', { layers: ['used'] });

  const before = await findReclaimable(app.platform.db, DAY);
  await app.collect();
  const after = await findReclaimable(app.platform.db, DAY);

  assert.deepEqual([before.blobs, before.bytes], [1, 3]);
  assert.deepEqual([before.young_blobs, before.young_bytes], [1, 5]);
  assert.ok(before.oldest_candidate_seconds! > DAY);
  assert.deepEqual([after.blobs, after.young_blobs], [0, 1]);
  assert.deepEqual([after.waiting, after.waiting_bytes], [1, 3]);
});
