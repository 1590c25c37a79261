import assert from 'node:assert/strict';
import { test } from 'node:test';

import { shareApp } from '../../../test/harness/share-app.ts';
import {
  codesOf,
  digestOf,
  imageManifest,
  pushBlob,
  pushImage,
  putManifest,
} from '../../../test/harness/registry.ts';

const shared = shareApp();

test('GET and HEAD tell digest, size and that ranges are served', async () => {
  const { as } = await shared();
  const digest = await pushBlob(as('admin'), 'library/app', 'a layer');

  const got = await as('admin').get(`/v2/library/app/blobs/${digest}`);
  const head = await as('admin').head(`/v2/library/app/blobs/${digest}`);

  assert.deepEqual([got.statusCode, got.body], [200, 'a layer']);
  assert.deepEqual([head.statusCode, head.body], [200, '']);
  for (const { headers } of [got, head]) {
    assert.equal(headers['docker-content-digest'], digest);
    assert.equal(headers['content-length'], '7');
    assert.equal(headers['content-type'], 'application/octet-stream');
    assert.equal(headers['accept-ranges'], 'bytes');
    assert.equal(headers.etag, `"${digest}"`);
  }
});

test('a blob that is not there is 404 BLOB_UNKNOWN, a malformed digest 400 DIGEST_INVALID', async () => {
  const { as } = await shared();
  const admin = as('admin');
  const unknown = digestOf('never pushed');

  for (const ask of [admin.get, admin.delete]) {
    const missing = await ask(`/v2/library/app/blobs/${unknown}`);
    const malformed = await ask('/v2/library/app/blobs/sha256:totally-wrong');

    assert.deepEqual([missing.statusCode, codesOf(missing)], [404, ['BLOB_UNKNOWN']]);
    assert.deepEqual([malformed.statusCode, codesOf(malformed)], [400, ['DIGEST_INVALID']]);
  }
  assert.equal((await admin.head(`/v2/library/app/blobs/${unknown}`)).statusCode, 404);
});

test('a blob is served only from the repositories it was pushed to', async () => {
  const { as, createProject, createUser } = await shared();
  await createProject('secret');
  await createUser('spy', {});
  await createProject('spies');
  const digest = await pushBlob(as('admin'), 'secret/app', 'a secret layer');
  const tries = [
    as('admin').get(`/v2/secret/other/blobs/${digest}`),
    as('admin').get(`/v2/spies/app/blobs/${digest}`),
    as('admin').head(`/v2/library/app/blobs/${digest}`),
    as('admin').delete(`/v2/library/app/blobs/${digest}`),
  ];

  for (const reply of await Promise.all(tries)) assert.equal(reply.statusCode, 404);
  const secret = await as('spy').get(`/v2/secret/app/blobs/${digest}`);
  const nowhere = await as('spy').get(`/v2/nowhere/app/blobs/${digest}`);

  assert.equal(secret.statusCode, 401);
  assert.equal(nowhere.statusCode, 401);
  assert.equal(secret.body.replaceAll('secret', 'nowhere'), nowhere.body);
});

test('a blob that a client has is 304, by its strong or weak tag or any', async () => {
  const { as } = await shared();
  const digest = await pushBlob(as('admin'), 'library/app', 'a layer');
  const ask = (tag: string) =>
    as('admin').get(`/v2/library/app/blobs/${digest}`, { 'if-none-match': tag });

  for (const tag of [`"${digest}"`, `W/"${digest}"`, `"other", "${digest}"`, '*']) {
    const { statusCode, body, headers } = await ask(tag);
    assert.deepEqual([tag, statusCode, body, headers.etag], [tag, 304, '', `"${digest}"`]);
  }
  assert.equal((await ask('"other"')).statusCode, 200);
});

test('a blob that no manifest needs is deleted with 202, then 404, and can be pushed again', async () => {
  const { as } = await shared();
  const admin = as('admin');
  const digest = await pushBlob(admin, 'library/deleting', 'a layer');
  const url = `/v2/library/deleting/blobs/${digest}`;

  const first = await admin.delete(url);
  const second = await admin.delete(url);
  const got = await admin.get(url);
  await pushBlob(admin, 'library/deleting', 'a layer');

  assert.deepEqual([first.statusCode, second.statusCode, got.statusCode], [202, 404, 404]);
  assert.equal((await admin.get(url)).body, 'a layer');
});

test('deleting a blob from one repository leaves it in the others', async () => {
  const { as } = await shared();
  const admin = as('admin');
  const digest = await pushBlob(admin, 'library/one', 'a shared layer');
  await pushBlob(admin, 'library/two', 'a shared layer');

  await admin.delete(`/v2/library/one/blobs/${digest}`);

  assert.equal((await admin.get(`/v2/library/one/blobs/${digest}`)).statusCode, 404);
  assert.equal((await admin.get(`/v2/library/two/blobs/${digest}`)).body, 'a shared layer');
});

test('a blob that a live manifest needs is not deleted: 405', async () => {
  const { as } = await shared();
  const admin = as('admin');
  await pushImage(admin, 'library/used', 'v1', { layers: ['a used layer'] });
  const url = `/v2/library/used/blobs/${digestOf('a used layer')}`;

  const refused = await admin.delete(url);

  assert.equal(refused.statusCode, 405);
  assert.equal((await admin.get(url)).statusCode, 200);
});

test('a blob that only the trash needs is deleted, and served again when it is pushed again', async () => {
  const { as } = await shared();
  const admin = as('admin');
  const layers = ['a layer in the trash'];
  const { digest } = await pushImage(admin, 'library/trashed', 'v1', { layers });
  const url = `/v2/library/trashed/blobs/${digestOf(layers[0]!)}`;
  await admin.delete(`/v2/library/trashed/manifests/${digest}`);

  const deleted = await admin.delete(url);
  const gone = await admin.get(url);
  const refused = await putManifest(admin, 'library/trashed', 'v1', imageManifest({ layers }));
  await pushBlob(admin, 'library/trashed', layers[0]!);
  const pushed = await putManifest(admin, 'library/trashed', 'v1', imageManifest({ layers }));

  assert.deepEqual([deleted.statusCode, gone.statusCode], [202, 404]);
  assert.deepEqual([refused.statusCode, codesOf(refused)], [404, ['MANIFEST_BLOB_UNKNOWN']]);
  assert.equal(pushed.statusCode, 201);
  assert.equal((await admin.get(url)).body, layers[0]);
});

test('a live manifest never lacks its blob, however deletes and pushes meet', async () => {
  const { as } = await shared();
  const admin = as('admin');
  const url = `/v2/library/race/blobs/${digestOf('a contested layer')}`;
  const manifest = imageManifest({ layers: ['a contested layer'] });
  const outcomes = new Set<string>();
  await pushBlob(admin, 'library/race', '{}');

  for (let times = 0; times < 200; times++) {
    await pushBlob(admin, 'library/race', 'a contested layer');
    const push = () => putManifest(admin, 'library/race', 'v1', manifest);
    const [deleted, pushed] = await (times % 2 === 0
      ? Promise.all([admin.delete(url), push()])
      : Promise.all([push(), admin.delete(url)]).then((both) => both.toReversed()));
    const blob = await admin.head(url);
    const pulled = await admin.get('/v2/library/race/manifests/v1');

    const outcome = `${deleted!.statusCode} ${pushed!.statusCode}`;
    outcomes.add(outcome);
    if (pulled.statusCode === 200) assert.equal(blob.statusCode, 200, outcome);
    else assert.equal(pushed!.statusCode, 404, outcome);
    await admin.delete(`/v2/library/race/manifests/${digestOf(manifest)}`);
  }
  assert.ok(outcomes.size > 1, `only ${[...outcomes].join()}: they never met`);
});
