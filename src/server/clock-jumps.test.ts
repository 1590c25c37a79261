import assert from 'node:assert/strict';
import { test } from 'node:test';

import { sql } from 'kysely';

import { bearer, fetchToken } from '../../test/harness/tokens.ts';
import { startApp } from '../../test/harness.ts';
import {
  beginUpload,
  digestOf,
  listStoredFiles,
  must,
  pushBlob,
  pushImage,
} from '../../test/harness/registry.ts';
import { collectGarbage } from '../features/garbage-collection/index.ts';
import { clock } from '../lib/clock.ts';
import { periodicJobs } from './jobs.ts';

const HOUR = 3_600_000;
const APP = 'library/app';
const { signal } = new AbortController();

for (const [what, jumpMs] of [
  ['forward by 5 hours', 5 * HOUR],
  ['back by 5 hours', -5 * HOUR],
  ['forward by 40 days', 40 * 24 * HOUR],
  ['back by 40 days', -40 * 24 * HOUR],
] as const) {
  test(`a node whose clock jumps ${what} loses nothing: only its tokens are fetched anew`, async (t) => {
    const app = await startApp(t);
    const admin = app.as('admin');
    const before = await fetchToken(app, 'admin', `repository:${APP}:pull,push`);
    const upload = await beginUpload(admin, APP);
    must(await admin.patch(upload, Buffer.from('begun')), 202);
    const waiting = await pushBlob(admin, APP, 'waits for its manifest');
    const { digest } = await pushImage(admin, APP, 'v1', { layers: ['a layer'] });
    must(await admin.delete(`/v2/${APP}/manifests/v1`), 202);

    const begin = clock.now().getTime();
    t.mock.method(clock, 'now', () => new Date(begin + jumpMs));
    await collectGarbage(app.platform, signal);
    for (const job of periodicJobs) await job.run(app.platform, signal);
    const withOld = await app.as('anonymous').get(`/v2/${APP}/tags/list`, bearer(before));
    const token = await fetchToken(app, 'admin', `repository:${APP}:pull,push`);
    const withNew = await app.as('anonymous').get(`/v2/${APP}/tags/list`, bearer(token));
    const finished = await admin.put(`${upload}?digest=${digestOf('begun')}`);
    const pushed = await pushImage(admin, APP, 'v2', { layers: ['after the jump'] });
    const { rows: deletions } = await sql<{ id: string }>`select id from deletion`.execute(
      app.platform.db,
    );
    const restored = await admin.post(`/api/v2.0/trash/${deletions[0]!.id}/restore`);

    assert.equal(withOld.statusCode, 401);
    assert.match(String(withOld.headers['www-authenticate']), /service\/token/);
    assert.equal(withNew.statusCode, 200);
    assert.deepEqual([finished.statusCode, restored.statusCode], [201, 200]);
    const contents = ['begun', 'waits for its manifest', 'a layer', 'after the jump', '{}'];
    for (const content of contents) {
      const pulled = await admin.get(`/v2/${APP}/blobs/${digestOf(content)}`);
      assert.deepEqual([pulled.statusCode, pulled.body], [200, content]);
    }
    assert.equal((await admin.head(`/v2/${APP}/blobs/${waiting}`)).statusCode, 200);
    assert.equal((await listStoredFiles(app)).length, contents.length);
    const events = await sql<{ type: string }>`select type from event order by seq`.execute(
      app.platform.db,
    );
    assert.ok(events.rows.some(({ type }) => type === 'tag.deleted'));
    for (const [tag, wanted] of [
      ['v1', digest],
      ['v2', pushed.digest],
    ]) {
      const { headers } = await admin.head(`/v2/${APP}/manifests/${tag}`);
      assert.equal(headers['docker-content-digest'], wanted);
    }
  });
}

/** All times in rows are so much longer ago, or still to come: what PostgreSQL's clock does when it jumps. */
async function jump({ platform }: Awaited<ReturnType<typeof startApp>>, hours: number) {
  const by = sql`make_interval(hours => ${hours})`;
  await sql`update upload set updated_at = updated_at - ${by}, lease_until = lease_until - ${by}`.execute(
    platform.db,
  );
  await sql`update repository_blob set touched_at = touched_at - ${by}`.execute(platform.db);
  await sql`update blob_candidate set check_after = check_after - ${by}`.execute(platform.db);
  await sql`update deletion set deleted_at = deleted_at - ${by}`.execute(platform.db);
  await sql`update tag set pushed_at = pushed_at - ${by}`.execute(platform.db);
  await sql`update tag_history set moved_at = moved_at - ${by}`.execute(platform.db);
}

test("when PostgreSQL's clock jumps back, pushes go on, and the newest move of a tag is the last", async (t) => {
  const app = await startApp(t);
  const admin = app.as('admin');
  const upload = await beginUpload(admin, APP);
  must(await admin.patch(upload, Buffer.from('begun')), 202);
  await pushImage(admin, APP, 'v1', { layers: ['first'] });

  await jump(app, -5);
  const finished = await admin.put(`${upload}?digest=${digestOf('begun')}`);
  const { digest } = await pushImage(admin, APP, 'v1', { layers: ['second'] });
  await collectGarbage(app.platform, signal);
  const found = await admin.head(`/v2/${APP}/manifests/v1`);
  const { rows } = await sql<{ digest: string }>`
    select encode(substr(digest, 2), 'hex') as digest from tag_history where name = 'v1' order by id desc`.execute(
    app.platform.db,
  );

  assert.equal(finished.statusCode, 201);
  assert.equal(found.headers['docker-content-digest'], digest);
  assert.equal(`sha256:${rows[0]!.digest}`, digest);
  for (const content of ['begun', 'first', 'second']) {
    assert.equal((await admin.get(`/v2/${APP}/blobs/${digestOf(content)}`)).body, content);
  }
});

test("when PostgreSQL's clock jumps forward by hours, what is younger than a day stays, in the trash too", async (t) => {
  const app = await startApp(t);
  const admin = app.as('admin');
  await pushBlob(admin, APP, 'waits');
  await pushImage(admin, APP, 'v1', { layers: ['deleted'] });
  must(await admin.delete(`/v2/${APP}/manifests/v1`), 202);

  await jump(app, 5);
  await collectGarbage(app.platform, signal);
  for (const job of periodicJobs) await job.run(app.platform, signal);

  for (const content of ['waits', 'deleted']) {
    assert.equal((await admin.get(`/v2/${APP}/blobs/${digestOf(content)}`)).body, content);
  }
});
