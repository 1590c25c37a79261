import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startApp } from '../../../test/harness.ts';
import {
  codesOf,
  descriptorOf,
  digestOf,
  EMPTY,
  imageManifest,
  mediaType,
  pushBlob,
  pushImage,
  putManifest,
} from '../../../test/harness/registry.ts';
import { shareApp } from '../../../test/harness/share-app.ts';

const APP = 'library/app';
const shared = shareApp();

async function begin() {
  const { as } = await shared();
  const admin = as('admin');
  for (const content of ['{}', 'a layer', 'a config']) await pushBlob(admin, APP, content);
  return admin;
}

const child = descriptorOf(imageManifest(), mediaType.OCI_IMAGE_MANIFEST);
const docker = {
  schemaVersion: 2,
  mediaType: mediaType.DOCKER_MANIFEST,
  config: descriptorOf('a config', 'application/vnd.docker.container.image.v1+json'),
  layers: [descriptorOf('a layer', 'application/vnd.docker.image.rootfs.diff.tar.gzip')],
};
const index = (manifests: unknown[], also = {}) => ({
  schemaVersion: 2,
  mediaType: mediaType.OCI_IMAGE_INDEX,
  manifests,
  ...also,
});
const oci = (also: object) => JSON.parse(imageManifest({ also: { ...also } }).toString());
const foreign = {
  ...descriptorOf('never pushed', 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'),
  urls: ['https://example.com/layer'],
};

const KINDS: [kind: string, manifest: object][] = [
  ['an OCI image', oci({ layers: [descriptorOf('a layer')] })],
  ['an image without layers', oci({ layers: [] })],
  ['an image without mediaType', oci({ mediaType: undefined })],
  ['an artifact with a type and an empty config', oci({ artifactType: 'a/b', config: EMPTY })],
  ['an artifact whose config says what it is', oci({ config: { ...EMPTY, mediaType: 'a/b' } })],
  ['an image whose subject is not there', oci({ subject: descriptorOf('x', 'a/b') })],
  ['an image with a member nobody knows', oci({ 'org.example': [1.5e3, null] })],
  ['a Docker image', docker],
  ['a Docker image with a foreign layer', { ...docker, layers: [...docker.layers, foreign] }],
  [
    'a Docker manifest list',
    index([child], { mediaType: mediaType.DOCKER_MANIFEST_LIST, annotations: undefined }),
  ],
  ['an index', index([child])],
  ['an empty index', index([])],
  ['a nested index', index([descriptorOf('an index', mediaType.OCI_IMAGE_INDEX)])],
  ['an index of what is not there', index([descriptorOf('x', mediaType.OCI_IMAGE_MANIFEST)])],
  ['an index with a type and a subject', index([], { artifactType: 'a/b', subject: child })],
];

for (const [kind, manifest] of KINDS) {
  test(`${kind} comes back byte for byte, by tag and by digest`, async () => {
    const admin = await begin();
    const bytes = Buffer.from(JSON.stringify(manifest, undefined, 3));
    const type = (manifest as { mediaType?: string }).mediaType ?? mediaType.OCI_IMAGE_MANIFEST;
    const digest = digestOf(bytes);

    const pushed = await putManifest(admin, APP, 'kind', bytes, type);

    assert.equal(pushed.statusCode, 201, pushed.body);
    assert.equal(pushed.headers.location, `/v2/${APP}/manifests/${digest}`);
    assert.equal(pushed.headers['docker-content-digest'], digest);
    for (const reference of ['kind', digest]) {
      const got = await admin.get(`/v2/${APP}/manifests/${reference}`);
      const head = await admin.head(`/v2/${APP}/manifests/${reference}`);
      assert.deepEqual(got.rawPayload, bytes);
      assert.equal(head.body, '');
      for (const { statusCode, headers } of [got, head]) {
        assert.equal(statusCode, 200);
        assert.equal(headers['content-type'], type);
        assert.equal(headers['docker-content-digest'], digest);
        assert.equal(headers['content-length'], String(bytes.length));
      }
    }
  });
}

const refuse = (text: string) => Buffer.from(text);
const image = imageManifest().toString();
const REFUSED: [what: string, bytes: Buffer, type?: string][] = [
  ['that is empty', refuse('')],
  ['that is no JSON', refuse('blablabla')],
  ['that is a list', refuse('[]')],
  ['of schema 1', refuse('{"schemaVersion":1,"name":"a","fsLayers":[]}')],
  ['announced as schema 1', refuse(image), mediaType.DOCKER_SCHEMA1_SIGNED],
  ['that is image and index', refuse(image.replace('"layers"', '"manifests":[],"layers"'))],
  ['that has a key twice', refuse(image.replace('"layers"', '"layers":[],"layers"'))],
  ['that has a key in two spellings', refuse(image.replace('"layers"', '"Layers":[],"layers"'))],
  ['that contradicts its Content-Type', refuse(image), mediaType.DOCKER_MANIFEST],
  ['that is an index by its Content-Type', refuse(image), mediaType.OCI_IMAGE_INDEX],
  ['of a type nobody knows', refuse(image), 'application/vnd.example+json'],
  [
    'whose config has no digest',
    imageManifest({ also: { config: { mediaType: 'a/b', size: 1 } } }),
  ],
  [
    'whose layer has half a digest',
    refuse(image.replace('[]', '[{"mediaType":"a/b","digest":"sha256:12","size":1}]')),
  ],
  ['nested deeper than anyone needs', refuse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)],
];

for (const [what, bytes, type] of REFUSED) {
  test(`a manifest ${what} is 400 MANIFEST_INVALID`, async () => {
    const admin = await begin();

    const refused = await putManifest(admin, APP, 'refused', bytes, type);

    assert.deepEqual([refused.statusCode, codesOf(refused)], [400, ['MANIFEST_INVALID']]);
    assert.equal((await admin.get(`/v2/${APP}/manifests/refused`)).statusCode, 404);
  });
}

test('a manifest whose blobs are missing is 404 and names each of them', async () => {
  const admin = await begin();
  const layers = ['missing one', 'a layer', 'missing two'];

  const refused = await putManifest(admin, APP, 'sparse', imageManifest({ layers }));

  assert.deepEqual([refused.statusCode, codesOf(refused)], [404, ['MANIFEST_BLOB_UNKNOWN']]);
  const [error] = refused.json().errors;
  const missing = [digestOf('missing one'), digestOf('missing two')];
  assert.deepEqual(error.detail.digests.toSorted(), missing.toSorted());
  assert.equal((await admin.get(`/v2/${APP}/manifests/sparse`)).statusCode, 404);
  for (const layer of layers) await pushBlob(admin, APP, layer);
  assert.equal(
    (await putManifest(admin, APP, 'sparse', imageManifest({ layers }))).statusCode,
    201,
  );
});

test('a sparse image is taken where that is configured, and holds its blobs once they come', async (t) => {
  const { as } = await startApp(t, {
    config: ({ manifests }) => {
      manifests.allow_missing_blobs = true;
    },
  });
  const admin = as('admin');
  const url = `/v2/${APP}/blobs/${digestOf('a late layer')}`;
  await pushBlob(admin, APP, '{}');

  const pushed = await putManifest(admin, APP, 'v1', imageManifest({ layers: ['a late layer'] }));
  const before = await admin.get(url);
  await pushBlob(admin, APP, 'a late layer');
  const after = await admin.get(url);
  const deleted = await admin.delete(url);

  assert.equal(pushed.statusCode, 201);
  assert.deepEqual([before.statusCode, after.statusCode, deleted.statusCode], [404, 200, 405]);
});

test("a manifest may not borrow another repository's blobs", async () => {
  const { as } = await shared();
  await pushBlob(as('admin'), 'library/lender', 'a lent layer');
  await pushBlob(as('admin'), 'library/borrower', '{}');
  const bytes = imageManifest({ layers: ['a lent layer'] });

  const refused = await putManifest(as('admin'), 'library/borrower', 'v1', bytes);

  assert.deepEqual([refused.statusCode, codesOf(refused)], [404, ['MANIFEST_BLOB_UNKNOWN']]);
});

test('a manifest pushed by a digest that is not its own is 400 DIGEST_INVALID', async () => {
  const admin = await begin();
  const bytes = imageManifest();
  const other = digestOf('something else');

  for (const reference of [other, 'sha256:totally-wrong', 'sha1:00', `${other}0`]) {
    const refused = await putManifest(admin, APP, reference, bytes);
    assert.deepEqual([refused.statusCode, codesOf(refused)], [400, ['DIGEST_INVALID']], reference);
  }
  const sha512 = digestOf(bytes, 'sha512');
  const pushed = await putManifest(admin, APP, sha512, bytes);
  assert.deepEqual([pushed.statusCode, pushed.headers['docker-content-digest']], [201, sha512]);
  assert.deepEqual((await admin.get(`/v2/${APP}/manifests/${sha512}`)).rawPayload, bytes);
});

test('what is not there is MANIFEST_UNKNOWN, or NAME_UNKNOWN without its repository', async () => {
  const admin = await begin();
  const references = ['missing', digestOf('missing')];

  for (const reference of references) {
    for (const ask of [admin.get, admin.delete]) {
      const unknown = await ask(`/v2/${APP}/manifests/${reference}`);
      const nowhere = await ask(`/v2/library/nowhere/manifests/${reference}`);
      assert.deepEqual([unknown.statusCode, codesOf(unknown)], [404, ['MANIFEST_UNKNOWN']]);
      assert.deepEqual([nowhere.statusCode, codesOf(nowhere)], [404, ['NAME_UNKNOWN']]);
    }
    assert.equal((await admin.head(`/v2/${APP}/manifests/${reference}`)).statusCode, 404);
  }
});

test('a manifest that a client has is 304', async () => {
  const admin = await begin();
  const { digest } = await pushImage(admin, APP, 'cached');

  const same = await admin.get(`/v2/${APP}/manifests/cached`, { 'if-none-match': `"${digest}"` });
  const other = await admin.get(`/v2/${APP}/manifests/cached`, { 'if-none-match': '"other"' });

  assert.deepEqual([same.statusCode, same.body, other.statusCode], [304, '', 200]);
});

test('a foreign layer that was pushed all the same belongs to its manifest', async () => {
  const { as } = await shared();
  const admin = as('admin');
  const config = '{}';
  await pushBlob(admin, 'library/foreign', config);
  const layer = await pushBlob(admin, 'library/foreign', 'foreign');
  const foreign = descriptorOf(
    'foreign',
    'application/vnd.oci.image.layer.nondistributable.v1.tar',
  );

  const pushed = await putManifest(
    admin,
    'library/foreign',
    'v1',
    imageManifest({ config, also: { layers: [foreign, foreign] } }),
  );
  const deleted = await admin.delete(`/v2/library/foreign/blobs/${layer}`);

  assert.deepEqual([pushed.statusCode, deleted.statusCode], [201, 405]);
});
