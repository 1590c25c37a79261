import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { sql } from 'kysely';

import { startApp } from '../../../test/harness.ts';
import {
  beginUpload,
  codesOf,
  digestOf,
  imageManifest,
  must,
  pushBlob,
  pushImage,
  putManifest,
} from '../../../test/harness/registry.ts';

const APP = 'library/app';
const IMAGE = { layers: ['layer'] };
const LAYER = digestOf('layer');

/** An image in two repositories whose layer was found to be damaged. */
async function start(t: TestContext) {
  const app = await startApp(t);
  const { db, storage } = app.platform;
  const admin = app.as('admin');
  for (const repository of [APP, 'library/other']) await pushImage(admin, repository, 'v1', IMAGE);
  const read = (repository = APP) => admin.get(`/v2/${repository}/blobs/${LAYER}`);
  must(await read(), 200); // a worker may keep it
  const { rows } = await sql<{ location: string }>`
    update blob set damaged_at = now() where size_bytes = 5 returning location`.execute(db);
  const { location } = rows[0]!;
  await storage.remove(location);
  await storage.writeWhole(location, Buffer.from('LAYER'));
  return { ...app, db, storage, admin, read, location };
}

test('a damaged blob is not served, nor told to be there, nor mounted, nor relied on', async (t) => {
  const { admin, read } = await start(t);

  const got = await read();
  const asked = await admin.head(`/v2/${APP}/blobs/${LAYER}`);
  const mounted = await admin.post(`/v2/library/new/blobs/uploads/?mount=${LAYER}&from=${APP}`);
  const relied = await putManifest(admin, APP, 'v2', imageManifest({ ...IMAGE, also: { x: 1 } }));

  assert.equal(got.statusCode, 404);
  assert.match(got.json().errors[0].message, /lost or damaged; push it again/);
  assert.deepEqual([asked.statusCode, mounted.statusCode, relied.statusCode], [404, 202, 404]);
  assert.deepEqual(codesOf(relied), ['MANIFEST_BLOB_UNKNOWN']);
});

test('a damaged blob that is pushed again, to any repository, is served from all with the new bytes', async (t) => {
  const { admin, db, storage, read, location } = await start(t);

  await pushBlob(admin, 'library/third', 'layer');
  const bodies = [await read(), await read('library/other')].map(({ body }) => body);
  const mounted = await admin.post(`/v2/library/new/blobs/uploads/?mount=${LAYER}&from=${APP}`);
  const relied = await putManifest(admin, APP, 'v2', imageManifest({ ...IMAGE, also: { x: 1 } }));

  assert.deepEqual(bodies, ['layer', 'layer']);
  assert.deepEqual([mounted.statusCode, relied.statusCode], [201, 201]);
  const { rows } = await sql`select from blob_deletion where location = ${location}`.execute(db);
  assert.equal(rows.length, 1);
  const { rows: blobs } = await sql<{ location: string }>`
    select location from blob where size_bytes = 5`.execute(db);
  assert.equal((await storage.readWhole(blobs[0]!.location)).toString(), 'layer');
});

test('of many who push a damaged blob at once, in one piece or in chunks, one heals it', async (t) => {
  const { admin, db, read } = await start(t);
  const pushInChunks = async () => {
    const path = await beginUpload(admin, APP);
    must(await admin.patch(path, Buffer.from('lay')), 202);
    must(await admin.put(`${path}?digest=${LAYER}`, Buffer.from('er')), 201);
  };

  await Promise.all([0, 1, 2, 3].flatMap(() => [pushInChunks(), pushBlob(admin, APP, 'layer')]));

  assert.equal((await read()).body, 'layer');
  const { rows } = await sql<{ count: number }>`
    select count(*) from blob where size_bytes = 5 and damaged_at is null`.execute(db);
  assert.equal(rows[0]!.count, 1);
});

test('a damaged manifest is not served until it is pushed again', async (t) => {
  const { admin, db } = await start(t);
  await pushBlob(admin, APP, 'layer');
  const bytes = imageManifest(IMAGE);
  const digest = digestOf(bytes);
  const ask = (method: 'get' | 'head', repository = APP) =>
    admin[method](`/v2/${repository}/manifests/v1`);
  await sql`update manifest_bytes b set bytes = '{}' from manifest m join repository r on r.id = m.repository_id
    where m.id = b.manifest_id and r.name = ${APP}`.execute(db);

  const undetected = await ask('get');
  await sql`update manifest m set damaged_at = now() from repository r
    where r.id = m.repository_id and r.name = ${APP}`.execute(db);
  const damaged = await Promise.all([ask('get'), ask('head'), ask('get', 'library/other')]);
  const pushed = await putManifest(admin, APP, digest, bytes);
  const healed = await ask('get');

  assert.equal(undetected.statusCode, 500, 'never other bytes');
  assert.deepEqual(
    damaged.map(({ statusCode }) => statusCode),
    [404, 404, 200],
  );
  assert.match(damaged[0].json().errors[0].message, /damaged; push it again/);
  assert.deepEqual([pushed.statusCode, healed.statusCode], [201, 200]);
  assert.ok(healed.rawPayload.equals(bytes));
});
