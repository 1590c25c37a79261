import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startApp } from '../../../test/harness.ts';
import {
  codesOf,
  digestOf,
  imageManifest,
  pushBlob,
  pushImage,
  putManifest,
} from '../../../test/harness/registry.ts';
import { shareApp } from '../../../test/harness/share-app.ts';
import { beginRequest, send } from '../../../test/harness/wire.ts';

const shared = shareApp();

test('one push sets several tags, and OCI-Tag names them', async () => {
  const { as } = await shared();
  const admin = as('admin');
  await pushBlob(admin, 'library/many', '{}');
  const bytes = imageManifest();
  const tags = Array.from({ length: 20 }, (_, index) => `v1.${index}`);
  const query = [...tags, tags[0]].map((tag) => `tag=${tag}`).join('&');

  const pushed = await putManifest(admin, 'library/many', `${digestOf(bytes)}?${query}`, bytes);
  const listed = await admin.get('/v2/library/many/tags/list');

  assert.equal(pushed.statusCode, 201);
  assert.deepEqual((pushed.headers['oci-tag'] as string).split(', '), tags);
  assert.deepEqual(listed.json().tags, tags.toSorted());
});

test('too many tags are 414, and none of them is set', async () => {
  const { as } = await shared();
  const admin = as('admin');
  const { bytes, digest } = await pushImage(admin, 'library/toomany', undefined);
  const query = Array.from({ length: 101 }, (_, index) => `tag=t${index}`).join('&');

  const refused = await putManifest(admin, 'library/toomany', `${digest}?${query}`, bytes);

  assert.equal(refused.statusCode, 414);
  assert.deepEqual((await admin.get('/v2/library/toomany/tags/list')).json().tags, []);
});

test('a malformed tag is 400, in the path and in the query', async () => {
  const { as } = await shared();
  const admin = as('admin');
  const { bytes, digest } = await pushImage(admin, 'library/badtags', undefined);

  for (const tag of [
    '.hidden',
    '-dash',
    'a'.repeat(129),
    'with%20space',
    'caf%C3%A9',
    '%00',
    'a+b',
  ]) {
    const inPath = await putManifest(admin, 'library/badtags', tag, bytes);
    const inQuery = await putManifest(
      admin,
      'library/badtags',
      `${digest}?tag=ok&tag=${tag}`,
      bytes,
    );
    const asked = await admin.get(`/v2/library/badtags/manifests/${tag}`);

    for (const reply of [inPath, inQuery, asked]) assert.equal(reply.statusCode, 400, tag);
    assert.deepEqual(codesOf(inPath), ['TAG_INVALID']);
  }
  assert.deepEqual((await admin.get('/v2/library/badtags/tags/list')).json().tags, []);
  assert.equal(
    (await putManifest(admin, 'library/badtags', 'a'.repeat(128), bytes)).statusCode,
    201,
  );
});

test('deleting a tag leaves its manifest, deleting a manifest takes its tags along', async () => {
  const { as } = await shared();
  const admin = as('admin');
  const { bytes, digest } = await pushImage(admin, 'library/deleting', 'one');
  for (const tag of ['two', 'three']) await putManifest(admin, 'library/deleting', tag, bytes);
  const get = async (reference: string) =>
    (await admin.get(`/v2/library/deleting/manifests/${reference}`)).statusCode;

  const untagged = await admin.delete('/v2/library/deleting/manifests/one');
  const afterTag = [await get('one'), await get('two'), await get(digest)];
  const deleted = await admin.delete(`/v2/library/deleting/manifests/${digest}`);
  const afterManifest = [await get('two'), await get('three'), await get(digest)];
  const listed = await admin.get('/v2/library/deleting/tags/list');

  assert.deepEqual([untagged.statusCode, deleted.statusCode], [202, 202]);
  assert.deepEqual(afterTag, [404, 200, 200]);
  assert.deepEqual(afterManifest, [404, 404, 404]);
  assert.deepEqual(listed.json(), { name: 'library/deleting', tags: [] });
});

test('every move of a tag is in its history, once', async (t) => {
  const { as, platform, createProject, createUser } = await startApp(t);
  await createProject('team');
  await createUser('ann', { team: 1 });
  const [first, second] = [
    await pushImage(as('ann'), 'team/app', 'v1', { config: '{"a":1}' }),
    await pushImage(as('admin'), 'team/app', 'v1', { config: '{"a":2}' }),
  ];
  await putManifest(as('admin'), 'team/app', 'v1', second.bytes);
  await as('ann').delete('/v2/team/app/manifests/v1');
  await putManifest(as('ann'), 'team/app', 'v1', first.bytes);
  await as('ann').delete(`/v2/team/app/manifests/${first.digest}`);

  const rows = await platform.db.selectFrom('tag_history').selectAll().orderBy('id').execute();

  const hex = (digest: Buffer | null) => digest?.toString('hex').slice(2) ?? null;
  const [a, b] = [first.digest.slice(7), second.digest.slice(7)];
  assert.deepEqual(
    rows.map((row) => [row.name, hex(row.previous_digest), hex(row.digest), row.actor]),
    [
      ['v1', null, a, 'ann'],
      ['v1', a, b, 'admin'],
      ['v1', b, null, 'ann'],
      ['v1', null, a, 'ann'],
      ['v1', a, null, 'ann'],
    ],
  );
});

test('a tag that many push at once ends at one of them, with a history without gaps', async (t) => {
  const app = await startApp(t);
  const other = await startApp(t, { besides: app });
  const images = await Promise.all(
    Array.from({ length: 12 }, (_, index) =>
      pushImage(app.as('admin'), 'library/app', undefined, { config: `{"a":${index}}` }),
    ),
  );

  const pushed = await Promise.all(
    images.map(({ bytes }, index) =>
      putManifest((index % 2 ? app : other).as('admin'), 'library/app', 'latest', bytes),
    ),
  );

  assert.deepEqual(new Set(pushed.map(({ statusCode }) => statusCode)), new Set([201]));
  const history = await app.platform.db
    .selectFrom('tag_history')
    .selectAll()
    .orderBy('id')
    .execute();
  assert.equal(history.length, 12);
  for (const [index, { previous_digest }] of history.entries()) {
    assert.deepEqual(previous_digest, index === 0 ? null : history[index - 1]!.digest);
  }
  const pulled = await app.as('admin').get('/v2/library/app/manifests/latest');
  assert.equal(digestOf(pulled.rawPayload).slice(7), history[11]!.digest!.toString('hex').slice(2));
});

test('pushes and deletes of one manifest never leave a tag without it', async () => {
  const { as } = await shared();
  const admin = as('admin');
  const { bytes, digest } = await pushImage(admin, 'library/race', 'v1');

  for (let times = 0; times < 100; times++) {
    const replies = await Promise.all([
      putManifest(admin, 'library/race', 'v1', bytes),
      admin.delete(`/v2/library/race/manifests/${digest}`),
      putManifest(admin, 'library/race', 'v2', bytes),
    ]);
    const listed: string[] = (await admin.get('/v2/library/race/tags/list')).json().tags;

    for (const { statusCode } of replies) assert.ok(statusCode < 500, String(statusCode));
    for (const tag of listed) {
      const pulled = await admin.get(`/v2/library/race/manifests/${tag}`);
      assert.equal(pulled.statusCode, 200, tag);
      assert.deepEqual(pulled.rawPayload, bytes);
    }
    if (replies[1].statusCode === 404) assert.equal(listed.length, 2);
  }
});

test('a manifest with more tags than a statement has parameters can be deleted', async (t) => {
  const { as, platform } = await startApp(t);
  const { digest } = await pushImage(as('admin'), 'library/app', 'v1');
  const { manifest_id, repository_id } = await platform.db
    .selectFrom('tag')
    .select(['manifest_id', 'repository_id'])
    .executeTakeFirstOrThrow();
  const names = Array.from({ length: 20_000 }, (_, index) => `t${index}`);
  for (let start = 0; start < names.length; start += 10_000) {
    const rows = names.slice(start, start + 10_000);
    await platform.db
      .insertInto('tag')
      .values(rows.map((name) => ({ name, manifest_id, repository_id })))
      .execute();
  }

  const deleted = await as('admin').delete(`/v2/library/app/manifests/${digest}`);

  assert.equal(deleted.statusCode, 202);
  assert.deepEqual((await as('admin').get('/v2/library/app/tags/list')).json().tags, []);
});

test('a manifest of 4 MiB is taken; a larger one is 413 with and without Content-Length', async (t) => {
  const app = await startApp(t);
  const url = await app.listen();
  await pushBlob(app.as('admin'), 'library/app', '{}');
  const limit = 4 * 1024 * 1024;
  const bytes = (size: number) => Buffer.concat([imageManifest(), Buffer.alloc(size, ' ')], size);
  const manifest = `${url}/v2/library/app/manifests/big`;
  const headers = { 'content-type': 'application/vnd.oci.image.manifest.v1+json' };

  const taken = await send(manifest, { method: 'PUT', headers, body: bytes(limit) });
  const announced = await send(manifest, { method: 'PUT', headers, body: bytes(limit + 1) });
  const { request, reply } = beginRequest(manifest, { method: 'PUT', headers });
  request.write(bytes(limit + 1)); // and no end
  const streamed = await reply;
  request.destroy();

  assert.equal(taken.statusCode, 201);
  assert.deepEqual([announced.statusCode, streamed.statusCode], [413, 413]);
  assert.deepEqual(codesOf(streamed), ['REQUEST_ENTITY_TOO_LARGE']);
});
