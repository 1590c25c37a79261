import assert from 'node:assert/strict';
import { test } from 'node:test';

import { sql } from 'kysely';

import { startApp, type TestApp } from '../../../test/harness.ts';
import {
  beginUpload,
  descriptorOf,
  digestOf,
  imageManifest,
  listStoredFiles,
  mediaType,
  must,
  pushBlob,
  pushImage,
  putManifest,
} from '../../../test/harness/registry.ts';
import { collectGarbage } from '../garbage-collection/index.ts';
import { trashPurge } from '../trash/index.ts';
import { correctUsage, listDrifts } from './index.ts';
import { quotaWarnings } from './jobs.ts';

const QUOTAS = '/api/v2.0/quotas';
const forever = new AbortController().signal;
/** A blob of this size is not read into memory as a whole. */
const LARGE = 400 * 1024;
const letter = (bytes: number, character = 'x') => character.repeat(bytes);

/** A project `team` with this limit; answers the path of its quota. */
async function createLimited({ as, createProject }: TestApp, storage: number): Promise<string> {
  await createProject('team');
  const { project_id } = (await as('admin').get('/api/v2.0/projects/team')).json();
  must(await as('admin').put(`${QUOTAS}/${project_id}`, { hard: { storage } }), 200);
  return `${QUOTAS}/${project_id}`;
}

const usedOf = async ({ as }: TestApp, quota: string): Promise<number> =>
  (await as('admin').get(quota)).json().used.storage;

async function purgeAll(app: TestApp): Promise<void> {
  for (const { id } of (await app.as('admin').get('/api/v2.0/trash')).json()) {
    must(await app.as('admin').delete(`/api/v2.0/trash/${id}`), 202);
  }
  await trashPurge.run(app.platform, forever);
  await collectGarbage(app.platform, forever);
}

test('a project uses its blobs, each once, and its manifests', async (t) => {
  const app = await startApp(t);
  const quota = await createLimited(app, -1);
  const admin = app.as('admin');
  const first = await pushImage(admin, 'team/a', 'v1', { layers: [letter(1000)] });
  const second = await pushImage(admin, 'team/b', 'v1', { layers: [letter(1000), letter(70)] });
  await putManifest(admin, 'team/a', 'v2', first.bytes);

  const { used, hard } = (await admin.get(quota)).json();

  assert.deepEqual(hard, { storage: -1 });
  assert.equal(used.storage, 2 + 1000 + 70 + first.bytes.length + second.bytes.length);
  assert.deepEqual(await listDrifts(app.platform.db), []);
});

test('a push that would exceed the limit is refused, says why, and leaves nothing', async (t) => {
  const app = await startApp(t);
  const quota = await createLimited(app, 3000);
  const admin = app.as('admin');
  await pushImage(admin, 'team/app', 'v1', { layers: [letter(1500)] });
  const used = await usedOf(app, quota);
  await pushBlob(admin, 'team/app', letter(1200));

  const refused = await putManifest(
    admin,
    'team/app',
    'v2',
    imageManifest({ layers: [letter(1200)] }),
  );

  const [error] = refused.json().errors;
  assert.equal(refused.statusCode, 403);
  assert.equal(error.code, 'DENIED');
  assert.match(error.message, /storage resource.*1\.[0-9] KiB.*upper limit of 2\.9 KiB/);
  assert.equal(error.detail.limit, 3000);
  assert.equal(error.detail.used, used);
  assert.ok(error.detail.needed > 1200);
  assert.equal(await usedOf(app, quota), used);
  assert.equal((await admin.get('/v2/team/app/manifests/v2')).statusCode, 404);
  assert.deepEqual(await listDrifts(app.platform.db), []);
});

test('the limit can be used to the last byte', async (t) => {
  const app = await startApp(t);
  const admin = app.as('admin');
  const manifest = imageManifest({ layers: [letter(1000)] });
  const exact = 2 + 1000 + manifest.length;
  const quota = await createLimited(app, exact - 1);
  for (const blob of ['{}', letter(1000)]) await pushBlob(admin, 'team/app', blob);

  const refused = await putManifest(admin, 'team/app', 'v1', manifest);
  await admin.put(quota, { hard: { storage: exact } });
  const pushed = await putManifest(admin, 'team/app', 'v1', manifest);

  assert.equal(refused.statusCode, 403);
  assert.equal(pushed.statusCode, 201);
  assert.equal(await usedOf(app, quota), exact);
});

test('what is in the trash counts, and is shown apart; purged and collected it counts no more', async (t) => {
  const app = await startApp(t, {
    config: ({ gc }) => Object.assign(gc, { grace_seconds: 0, hold_seconds: 0 }),
  });
  const quota = await createLimited(app, 10_000);
  const admin = app.as('admin');
  const kept = await pushImage(admin, 'team/app', 'v1', { layers: [letter(1000)] });
  const gone = await pushImage(admin, 'team/app', 'v2', { layers: [letter(1000), letter(500)] });
  const before = await usedOf(app, quota);

  await admin.delete(`/v2/team/app/manifests/${gone.digest}`);
  const trashed = (await admin.get(quota)).json();
  await purgeAll(app);
  const purged = (await admin.get(quota)).json();

  assert.deepEqual(trashed.used, { storage: before });
  assert.deepEqual(trashed.trash, { storage: 500 + gone.bytes.length });
  assert.deepEqual(purged.used, { storage: 2 + 1000 + kept.bytes.length });
  assert.deepEqual(purged.trash, { storage: 0 });
  assert.deepEqual(await listDrifts(app.platform.db), []);
});

test('a limit may be below what is used: nothing is added until enough is gone', async (t) => {
  const app = await startApp(t, {
    config: ({ gc }) => Object.assign(gc, { grace_seconds: 0, hold_seconds: 0 }),
  });
  const quota = await createLimited(app, -1);
  const admin = app.as('admin');
  const { digest } = await pushImage(admin, 'team/app', 'v1', { layers: [letter(5000)] });
  await admin.put(quota, { hard: { storage: 2000 } });
  const small = imageManifest({ layers: ['x'] });
  await pushBlob(admin, 'team/app', 'x');

  const refused = await putManifest(admin, 'team/app', 'v2', small);
  await admin.delete(`/v2/team/app/manifests/${digest}`);
  await purgeAll(app);
  for (const blob of ['{}', 'x']) await pushBlob(admin, 'team/app', blob);
  const pushed = await putManifest(admin, 'team/app', 'v2', small);

  assert.equal(refused.statusCode, 403);
  assert.equal(refused.json().errors[0].detail.limit, 2000);
  assert.equal(pushed.statusCode, 201);
  assert.deepEqual(await listDrifts(app.platform.db), []);
});

test('without quotas per project nothing is refused, and what is used is counted all the same', async (t) => {
  const app = await startApp(t);
  const quota = await createLimited(app, 1000);
  const admin = app.as('admin');
  const enable = (value: boolean) =>
    admin.put('/api/v2.0/configurations', { quota_per_project_enable: value });

  must(await enable(false), 200);
  await pushImage(admin, 'team/app', 'v1', { layers: ['x'.repeat(LARGE)] });
  must(await enable(true), 200);
  await pushBlob(admin, 'team/app', '{}');
  const refused = await putManifest(admin, 'team/app', 'v2', imageManifest());

  assert.ok((await usedOf(app, quota)) > LARGE);
  assert.equal(refused.statusCode, 403);
  assert.deepEqual(await listDrifts(app.platform.db), []);
});

test('a blob that a sparse image waits for counts when it comes, however it comes', async (t) => {
  const app = await startApp(t, {
    config: ({ manifests }) => Object.assign(manifests, { allow_missing_blobs: true }),
  });
  const admin = app.as('admin');
  const manifest = imageManifest({ layers: [letter(300), letter(400), letter(5000)] });
  const quota = await createLimited(app, 4000);
  must(await putManifest(admin, 'team/app', 'v1', manifest), 201);
  const sparse = await usedOf(app, quota);
  await pushBlob(admin, 'library/other', letter(400));
  await pushBlob(admin, 'library/other', letter(5000));
  const mount = (blob: string) =>
    admin.post(`/v2/team/app/blobs/uploads/?mount=${digestOf(blob)}&from=library/other`);

  await pushBlob(admin, 'team/app', letter(300));
  must(await mount(letter(400)), 201);
  const refusedMount = await mount(letter(5000));
  const files = await listStoredFiles(app);
  const url = `/v2/team/app/blobs/uploads/?digest=${digestOf(letter(5000))}`;
  const refusedPush = await admin.post(url, letter(5000));

  assert.equal(sparse, manifest.length);
  assert.equal(refusedMount.statusCode, 403);
  assert.equal(refusedPush.statusCode, 403);
  assert.deepEqual(await listStoredFiles(app), files);
  assert.equal(await usedOf(app, quota), manifest.length + 700);
  assert.deepEqual(await listDrifts(app.platform.db), []);
});

test('a blob that can have no room is refused before its bytes are kept', async (t) => {
  const app = await startApp(t);
  await createLimited(app, 300 * 1024);
  const admin = app.as('admin');
  const bytes = Buffer.alloc(LARGE, 'x');
  const digest = digestOf(bytes);
  const patched = await beginUpload(admin, 'team/app');
  const put = await beginUpload(admin, 'team/app');

  const replies = [
    await admin.post(`/v2/team/app/blobs/uploads/?digest=${digest}`, bytes),
    await admin.patch(patched, bytes),
    await admin.put(`${put}?digest=${digest}`, bytes),
  ];

  assert.deepEqual(
    replies.map((reply) => reply.statusCode),
    [403, 403, 403],
  );
  assert.deepEqual(await listStoredFiles(app), []);
});

test('a blob that the project has already is taken though no room is left', async (t) => {
  const app = await startApp(t);
  const quota = await createLimited(app, -1);
  const admin = app.as('admin');
  const layer = 'x'.repeat(LARGE);
  await pushImage(admin, 'team/a', 'v1', { layers: [layer] });
  await admin.put(quota, { hard: { storage: (await usedOf(app, quota)) + 10_000 } });
  const upload = await beginUpload(admin, 'team/b');

  const patched = await admin.patch(upload, layer);
  const put = await admin.put(`${patched.headers.location}?digest=${digestOf(layer)}`);
  await pushBlob(admin, 'team/b', '{}');
  const pushed = await putManifest(admin, 'team/b', 'v1', imageManifest({ layers: [layer] }));

  assert.equal(patched.statusCode, 202);
  assert.equal(put.statusCode, 201);
  assert.equal(pushed.statusCode, 201);
});

test('refusals are in the feed, one for many', async (t) => {
  const app = await startApp(t);
  await createLimited(app, 100);
  const admin = app.as('admin');
  for (const blob of ['{}', 'x']) await pushBlob(admin, 'team/app', blob);
  const push = () => putManifest(admin, 'team/app', 'v1', imageManifest({ layers: ['x'] }));

  const replies = await Promise.all([push(), push(), push()]);

  assert.deepEqual(
    replies.map((reply) => reply.statusCode),
    [403, 403, 403],
  );
  const { rows } = await sql<{ subject: object; actor: string; after: { limit: number } }>`
    select subject, actor, after from event_outbox where type = 'quota.exceeded'
    union all select subject, actor, after from event where type = 'quota.exceeded'`.execute(
    app.platform.db,
  );
  assert.equal(rows.length, 1);
  assert.deepEqual(rows[0]!.subject, { repository: 'team/app', tag: 'v1' });
  assert.equal(rows[0]!.actor, 'admin');
  assert.equal(rows[0]!.after.limit, 100);
});

test('a project that has used 85 % is warned of once, and again after it had more room', async (t) => {
  const app = await startApp(t);
  const { db } = app.platform;
  const manifest = imageManifest({ layers: [letter(1000)] });
  const used = 2 + 1000 + manifest.length;
  const quota = await createLimited(app, Math.ceil(used / 0.85) + 10);
  const admin = app.as('admin');
  await pushImage(admin, 'team/app', 'v1', { layers: [letter(1000)] });
  const look = async () => {
    await quotaWarnings.run(app.platform, forever);
    const { rows } = await sql`select from event_outbox where type = 'quota.warning'`.execute(db);
    return rows.length;
  };

  const before = await look();
  await admin.put(quota, { hard: { storage: Math.floor(used / 0.85) } });
  const full = [await look(), await look()];
  await admin.put(quota, { hard: { storage: used * 2 } });
  const roomy = await look();
  await admin.put(quota, { hard: { storage: used } });
  const fullAgain = await look();

  assert.deepEqual([before, ...full, roomy, fullAgain], [0, 1, 1, 1, 2]);
});

test('usage that is not the sum of the rows is found and corrected', async (t) => {
  const app = await startApp(t);
  const { db } = app.platform;
  const quota = await createLimited(app, 5000);
  const { bytes } = await pushImage(app.as('admin'), 'team/app', 'v1');
  const used = 2 + bytes.length;
  await sql`update project_usage set bytes = 4000, room = 1000 where bytes = ${used}`.execute(db);

  const drifts = await listDrifts(db);
  for (const drift of drifts) await correctUsage(db, drift);

  assert.deepEqual(
    drifts.map(({ project_name, counted, actual }) => ({ project_name, counted, actual })),
    [{ project_name: 'team', counted: 4000, actual: used }],
  );
  assert.equal(await usedOf(app, quota), used);
  assert.deepEqual(await listDrifts(db), []);
});

test('an index and what it lists count as manifests', async (t) => {
  const app = await startApp(t);
  const quota = await createLimited(app, 100_000);
  const admin = app.as('admin');
  const image = await pushImage(admin, 'team/app', undefined);
  const index = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaType.OCI_IMAGE_INDEX,
      manifests: [descriptorOf(image.bytes, mediaType.OCI_IMAGE_MANIFEST)],
    }),
  );

  must(await putManifest(admin, 'team/app', 'v1', index, mediaType.OCI_IMAGE_INDEX), 201);

  assert.equal(await usedOf(app, quota), 2 + image.bytes.length + index.length);
});
