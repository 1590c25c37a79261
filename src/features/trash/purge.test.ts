import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { sql } from 'kysely';

import { startApp } from '../../../test/harness.ts';
import {
  beginUpload,
  digestOf,
  imageManifest,
  listStoredFiles,
  must,
  pushBlob,
  pushImage,
  putManifest,
} from '../../../test/harness/registry.ts';
import { collectGarbage } from '../garbage-collection/index.ts';
import { emptyTrash } from './purge.ts';

const TRASH = '/api/v2.0/trash';
const PROJECTS = '/api/v2.0/projects';
const APP = 'library/app';
const forever = new AbortController().signal;

/** An app whose trash keeps things for 14 days, and whose collector waits for nothing. */
async function start(t: TestContext) {
  const app = await startApp(t, {
    config: ({ gc }) => Object.assign(gc, { grace_seconds: 0, hold_seconds: 0 }),
  });
  const { platform } = app;
  const { db } = platform;
  const admin = app.as('admin');
  return {
    ...app,
    db,
    admin,
    empty: (signal = forever) => emptyTrash(db, platform.config.trash.days, signal),
    collect: () => collectGarbage(platform, forever),
    /** All that was deleted was deleted so much earlier. */
    async letPass(time: string) {
      const ago = sql`${time}::interval`;
      await sql`update deletion set deleted_at = deleted_at - ${ago}`.execute(db);
      await sql`update repository set deleted_at = deleted_at - ${ago}`.execute(db);
      await sql`update project set deleted_at = deleted_at - ${ago}`.execute(db);
    },
    async count(table: 'manifest' | 'tag' | 'repository' | 'project' | 'deletion' | 'blob') {
      const { rows } = await sql<{ count: number }>`
        select count(*) as count from ${sql.table(table)}`.execute(db);
      return rows[0]!.count;
    },
    list: async () => (await admin.get(TRASH)).json<{ id: string; name: string }[]>(),
    pull: async (content: string, repository = APP) =>
      (await admin.get(`/v2/${repository}/blobs/${digestOf(content)}`)).body,
  };
}

/** Makes a repository with so many artifacts, a tag and a blob of its own each. */
async function fill(
  { db }: Pick<Awaited<ReturnType<typeof start>>, 'db'>,
  name: string,
  n: number,
) {
  await sql`
    with r as (
      insert into repository (project_id, name, first_pushed_at) values (1, ${name}, now()) returning id
    ), b as (
      insert into blob (digest, size_bytes, location)
      select decode('01', 'hex') || sha256((${name}::text || i)::bytea), 10, 'no/' || ${name}::text || i
      from generate_series(1, ${n}::int) i returning id, digest
    ), rb as (
      insert into repository_blob (repository_id, blob_id) select r.id, b.id from r, b
    ), pb as (
      insert into project_blob (project_id, blob_id) select 1, id from b
    ), m as (
      insert into manifest (repository_id, project_id, digest, kind, media_type, size_bytes)
      select r.id, 1, b.digest, 'image', 'x', 2 from r, b returning id, repository_id, digest
    ), mb as (
      insert into manifest_blob (manifest_id, repository_id, project_id, blob_id)
      select m.id, m.repository_id, 1, b.id from m join b using (digest)
    ), bytes as (
      insert into manifest_bytes (manifest_id, bytes) select id, '{}' from m
    )
    insert into tag (repository_id, name, manifest_id) select repository_id, 't' || id, id from m`.execute(
    db,
  );
}

test('what has been in the trash for its time is gone, and its bytes with it; what others share stays', async (t) => {
  const app = await start(t);
  const { admin } = app;
  const { digest } = await pushImage(admin, APP, 'v1', { layers: ['shared', 'own'] });
  await pushImage(admin, APP, 'v2', { layers: ['shared'] });
  must(await admin.delete(`/v2/${APP}/manifests/${digest}`), 202);

  await app.letPass('13 days 23 hours');
  await app.empty();
  await app.collect();
  const early = [(await app.list()).length, (await listStoredFiles(app)).length];
  await app.letPass('2 hours');
  const purge = await app.empty();
  await app.collect();

  assert.deepEqual(early, [1, 3]);
  assert.deepEqual([purge.deletions, purge.manifests], [1, 1]);
  assert.deepEqual(await app.list(), []);
  assert.equal((await listStoredFiles(app)).length, 2);
  assert.equal((await admin.get(`/v2/${APP}/blobs/${digestOf('own')}`)).statusCode, 404);
  assert.equal(await app.pull('shared'), 'shared');
});

test('whoever gives something up has its space back, without waiting', async (t) => {
  const app = await start(t);
  const { admin } = app;
  const { digest, bytes } = await pushImage(admin, APP, 'v1', { layers: ['layer'] });
  await putManifest(admin, APP, 'v2', bytes);
  must(await admin.delete(`/v2/${APP}/manifests/v2`), 202);
  must(await admin.delete(`/v2/${APP}/manifests/${digest}`), 202);
  must(await admin.delete(`${PROJECTS}/library/repositories/app`), 200);
  const [repository] = await app.list();

  must(await admin.delete(`${TRASH}/${repository!.id}`), 202);
  const listed = await app.list();
  const restored = await admin.post(`${TRASH}/${repository!.id}/restore`);
  await app.empty();
  await app.collect();

  assert.equal(repository!.name, APP);
  assert.deepEqual(listed, []); // what was in the trash of the repository went with it
  assert.equal(restored.statusCode, 404);
  assert.deepEqual(await listStoredFiles(app), []);
  for (const table of ['manifest', 'tag', 'deletion', 'blob'] as const) {
    assert.equal(await app.count(table), 0, table);
  }
});

test('a tag that was deleted first is restored to the artifact that was pushed again', async (t) => {
  const app = await start(t);
  const { admin } = app;
  const { digest, bytes } = await pushImage(admin, APP, 'v1');
  must(await admin.delete(`/v2/${APP}/manifests/v1`), 202);
  must(await admin.delete(`/v2/${APP}/manifests/${digest}`), 202);
  await putManifest(admin, APP, 'v2', bytes);
  const [artifact, tag] = await app.list();

  must(await admin.delete(`${TRASH}/${artifact!.id}`), 202);
  await app.empty();
  must(await admin.post(`${TRASH}/${tag!.id}/restore`), 200);

  const { headers } = await admin.head(`/v2/${APP}/manifests/v1`);
  assert.equal(headers['docker-content-digest'], digest);
});

test('a tag in the trash goes with its artifact', async (t) => {
  const app = await start(t);
  const { admin } = app;
  const { digest } = await pushImage(admin, APP, 'v1');
  must(await admin.delete(`/v2/${APP}/manifests/v1`), 202);
  must(await admin.delete(`/v2/${APP}/manifests/${digest}`), 202);
  const [artifact] = await app.list();

  must(await admin.delete(`${TRASH}/${artifact!.id}`), 202);
  await app.empty();

  assert.deepEqual(await app.list(), []);
  assert.deepEqual([await app.count('tag'), await app.count('deletion')], [0, 0]);
});

test('a project says how long its trash is kept, and goes back to the default', async (t) => {
  const app = await start(t);
  const { admin } = app;
  const isLeft = async () => (await app.list()).length === 1;
  const setDays = (trash_days: string) =>
    admin.put(`${PROJECTS}/library`, { metadata: { trash_days } });
  await pushImage(admin, APP, 'v1');
  must(await admin.delete(`/v2/${APP}/manifests/v1`), 202);

  must(await setDays('30'), 200);
  const shown = (await admin.get(`${PROJECTS}/library`)).json().metadata;
  await app.letPass('20 days');
  await app.empty();
  const afterLong = await isLeft();
  must(await setDays('default'), 200);
  const shownAfter = (await admin.get(`${PROJECTS}/library`)).json().metadata;
  await app.empty();
  const afterDefault = await isLeft();

  assert.deepEqual(shown, { public: 'true', trash_days: '30' });
  assert.deepEqual(shownAfter, { public: 'true' });
  assert.deepEqual([afterLong, afterDefault], [true, false]);
  for (const unfit of ['-1', '1.5', '10000', 'never']) {
    assert.equal((await setDays(unfit)).statusCode, 400, unfit);
  }
});

test('with 0 days nothing is kept', async (t) => {
  const app = await start(t);
  must(await app.admin.put(`${PROJECTS}/library`, { metadata: { trash_days: '0' } }), 200);
  await pushImage(app.admin, APP, 'v1');
  must(await app.admin.delete(`/v2/${APP}/manifests/v1`), 202);

  await app.empty();

  assert.deepEqual(await app.list(), []);
});

test('a large repository goes in small steps, and whoever is stopped or crashes leaves no harm', async (t) => {
  const app = await start(t);
  await fill(app, 'library/large', 1000);
  await fill(app, 'library/kept', 300);
  must(await app.admin.delete(`${PROJECTS}/library/repositories/large`), 200);
  await app.letPass('15 days');

  const stopping = new AbortController();
  const stopped = app.empty(stopping.signal);
  while ((await app.count('manifest')) === 1300);
  stopping.abort(new Error('stopped'));
  await assert.rejects(stopped, /stopped/);
  const half = await app.count('manifest');
  const gone = await app.admin.get(TRASH);
  await Promise.all([app.empty(), app.empty(), app.empty()]);

  assert.ok(half > 300 && half < 1300, String(half));
  assert.deepEqual(gone.json(), []); // half of a repository is nothing to restore
  for (const table of ['manifest', 'tag'] as const) assert.equal(await app.count(table), 300);
  assert.equal(await app.count('deletion'), 0);
  await app.collect();
  assert.equal(await app.count('blob'), 300);
});

test('repositories and projects go last, when nothing refers to them and nobody can be at them', async (t) => {
  const app = await start(t);
  const { admin } = app;
  await app.createProject('team');
  await pushImage(admin, 'team/app', 'v1', { layers: ['layer'] });
  await pushBlob(admin, 'team/app', 'no manifest came for it');
  await beginUpload(admin, 'team/other');
  const { length } = await listStoredFiles(app);
  must(await admin.delete(`${PROJECTS}/team?with_repositories=true`), 200);
  await app.letPass('15 days');
  const counts = async () => [await app.count('repository'), await app.count('project')];

  await app.empty();
  await app.letPass('11 minutes');
  await app.empty();
  const withBlobs = await counts();
  await app.collect();
  await app.empty();
  const withUpload = await counts();
  await sql`update upload set updated_at = now() - interval '8 days'`.execute(app.db);
  await app.collect();
  const { projects } = await app.empty();

  assert.equal(length, 3);
  assert.deepEqual(
    [withBlobs, withUpload],
    [
      [2, 2],
      [1, 2],
    ],
  );
  assert.equal(projects, 1);
  assert.deepEqual(await counts(), [0, 1]);
  assert.deepEqual(await listStoredFiles(app), []);
});

test('what is restored while the purge runs is whole, or not found', async (t) => {
  const app = await start(t);
  const { admin } = app;
  const layers = ['layer'];
  const bytes = imageManifest({ layers });

  for (let round = 0; round < 20; round++) {
    await pushImage(admin, APP, 'v1', { layers });
    must(await admin.delete(`/v2/${APP}/manifests/${digestOf(bytes)}`), 202);
    const [deletion] = await app.list();
    await app.letPass('15 days');

    const [, , { statusCode }] = await Promise.all([
      app.empty(),
      app.collect(),
      admin.post(`${TRASH}/${deletion!.id}/restore`),
    ]);
    await app.empty();
    await app.collect();

    assert.ok(statusCode === 200 || statusCode === 404, String(statusCode));
    const pulled = await admin.get(`/v2/${APP}/manifests/v1`);
    assert.equal(pulled.statusCode, statusCode);
    if (statusCode === 200) assert.equal(await app.pull('layer'), 'layer');
    assert.deepEqual(await app.list(), []);
  }
});
