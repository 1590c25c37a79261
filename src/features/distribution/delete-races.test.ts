import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import {
  beginUpload,
  digestOf,
  must,
  pushBlob,
  pushImage,
  putManifest,
} from '../../../test/harness/registry.ts';
import { shareApp } from '../../../test/harness/share-app.ts';
import { bearer, fetchToken } from '../../../test/harness/tokens.ts';
import { beginRequest, send } from '../../../test/harness/wire.ts';
import { startApp } from '../../../test/harness.ts';

const ROUNDS = Number(process.env.ROADSTEAD_TEST_ROUNDS ?? 1) * 30;

const shared = shareApp();

test('pushes and deletes of the same tags, manifests and repository never fail each other', async () => {
  const { as, platform } = await shared();
  const admin = as('admin');
  const tags = ['a', 'b', 'c', 'd'];
  const query = tags.map((tag) => `tag=${tag}`).join('&');
  const statuses = new Map<string, number>();

  for (let round = 0; round < ROUNDS; round++) {
    const images = await Promise.all(
      ['1', '2', '3'].map((config) => pushImage(admin, 'library/raced', undefined, { config })),
    );
    const replies = await Promise.all([
      ...images.map(({ bytes, digest }) =>
        putManifest(admin, 'library/raced', `${digest}?${query}`, bytes),
      ),
      ...images.map(({ digest }) => admin.delete(`/v2/library/raced/manifests/${digest}`)),
      ...tags.map((tag) => admin.delete(`/v2/library/raced/manifests/${tag}`)),
      ...(round % 3 === 0 ? [admin.delete('/api/v2.0/projects/library/repositories/raced')] : []),
    ]);
    for (const { statusCode, body } of replies) {
      assert.ok([200, 201, 202, 404].includes(statusCode), `${statusCode} ${body}`);
      statuses.set(String(statusCode), (statuses.get(String(statusCode)) ?? 0) + 1);
    }
  }

  assert.ok(statuses.get('201')! > 0 && statuses.get('202')! > 0);
  const dangling = await platform.db
    .selectFrom('live_tag as t')
    .innerJoin('manifest as m', 'm.id', 't.manifest_id')
    .where('m.deleted_at', 'is not', null)
    .select('t.id')
    .execute();
  assert.deepEqual(dangling, []);
});

test('a push that is refused shows no repository', async () => {
  const { as } = await shared();
  const admin = as('admin');
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      config: {
        mediaType: 'application/vnd.oci.image.config.v1+json',
        digest: digestOf('nowhere'),
        size: 7,
      },
      layers: [],
    }),
  );

  const refused = await putManifest(admin, 'library/refused', 'v1', bytes);
  await admin.post('/v2/library/refused/blobs/uploads/');
  const listed = await admin.get('/v2/library/refused/tags/list');
  const pulled = await admin.get('/v2/library/refused/manifests/v1');

  assert.equal(refused.statusCode, 404);
  for (const reply of [listed, pulled]) {
    assert.deepEqual([reply.statusCode, reply.json().errors[0].code], [404, 'NAME_UNKNOWN']);
  }
});

/** Resolves when there is an upload. */
async function begun({ platform }: Awaited<ReturnType<typeof startApp>>): Promise<void> {
  for (let turn = 0; turn < 6000; turn++) {
    const uploads = await platform.db.selectFrom('upload').select('id').execute();
    if (uploads.length > 0) return;
    await sleep(10);
  }
  assert.fail('no upload has begun');
}

test('a large blob in one request whose repository is deleted meanwhile is in the one that is there then', async (t) => {
  const app = await startApp(t);
  const admin = app.as('admin');
  const url = `${await app.listen()}/v2/library/deleted`;
  const bytes = randomBytes(900_000);
  const digest = digestOf(bytes);
  await pushImage(admin, 'library/deleted', 'v1');
  const { request, reply } = beginRequest(`${url}/blobs/uploads/?digest=${digest}`, {
    method: 'POST',
  });
  request.write(bytes.subarray(0, 600_000));
  await begun(app);

  must(await admin.delete('/api/v2.0/projects/library/repositories/deleted'), 200);
  request.end(bytes.subarray(600_000));
  const pushed = await reply;
  const pulled = await send(`${url}/blobs/${digest}`);

  assert.equal(pushed.statusCode, 201, pushed.body.toString());
  assert.ok(pulled.body.equals(bytes));
  const left = await app.platform.db.selectFrom('blob_deletion').select('location').execute();
  assert.deepEqual(left, []);
});

test('nothing can be pushed into a deleted project, whatever was begun before', async () => {
  const app = await shared();
  const admin = app.as('admin');
  await app.createProject('closing');
  const token = await fetchToken(app, 'admin', 'repository:closing/app:pull,push');
  const upload = await beginUpload(admin, 'closing/app');
  const digest = await pushBlob(admin, 'closing/app', 'there before');

  must(await admin.delete('/api/v2.0/projects/closing'), 200);
  const headers = bearer(token);
  const anonymous = app.as('anonymous');
  const closed = await anonymous.put(
    `${upload}?digest=${digestOf('late')}`,
    Buffer.from('late'),
    headers,
  );
  const pulled = await anonymous.get(`/v2/closing/app/blobs/${digest}`, headers);

  assert.ok(closed.statusCode === 401 || closed.statusCode === 404, String(closed.statusCode));
  assert.ok(pulled.statusCode === 401 || pulled.statusCode === 404, String(pulled.statusCode));
});
