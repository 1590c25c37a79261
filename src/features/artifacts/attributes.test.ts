import assert from 'node:assert/strict';
import { test } from 'node:test';

import { sql } from 'kysely';

import {
  descriptorOf,
  mediaType,
  must,
  pushBlob,
  pushImage,
  putManifest,
} from '../../../test/harness/registry.ts';
import { startApp } from '../../../test/harness.ts';
import { readAttributes, type Attributes } from './attributes.ts';

const IMAGE_CONFIG = 'application/vnd.oci.image.config.v1+json';
const nothing = { created: null, architecture: '', os: '', author: '', config: {} };
const long = 'x'.repeat(70_000);

test('what Harbor tells of an artifact is read from its config, whatever that holds', () => {
  const rows: [type: string, config: string | undefined, told: Attributes][] = [
    ['IMAGE', undefined, nothing],
    ['IMAGE', '', nothing],
    ['IMAGE', '[]', nothing],
    ['IMAGE', 'null', nothing],
    ['IMAGE', '{"os":"linux","os":"twice"}', nothing],
    ['IMAGE', `${'['.repeat(100_000)}`, nothing],
    ['IMAGE', '{"created":5,"os":["x"],"architecture":{},"author":7,"config":"x"}', nothing],
    ['IMAGE', '{"__proto__":{"os":"linux"}}', nothing],
    ['IMAGE', '\uFEFF{"os":"linux"}', nothing],
    [
      'IMAGE',
      '{"created":"2026-01-02T03:04:05Z","architecture":"arm64","os":"linux","author":"Ann","rootfs":{},"config":{"Env":["A=b"],"New":1}}',
      {
        created: '2026-01-02T03:04:05Z',
        architecture: 'arm64',
        os: 'linux',
        author: 'Ann',
        config: { Env: ['A=b'], New: 1 },
      },
    ],
    [
      'IMAGE',
      '{"config":{"Labels":{"maintainer":"Bob","org.opencontainers.image.authors":""}}}',
      {
        ...nothing,
        author: 'Bob',
        config: { Labels: { maintainer: 'Bob', 'org.opencontainers.image.authors': '' } },
      },
    ],
    [
      'IMAGE',
      `{"os":"linux","config":{"Env":["${long}"]}}`,
      { created: null, architecture: '', os: 'linux', author: '' },
    ],
    ['CHART', '{"name":"web","version":"1"}', { name: 'web', version: '1' }],
    ['CHART', `{"name":"web","description":"${long}"}`, { name: 'web' }],
    ['WIDGET', '{"a":1,"b":{"c":"\\u0000"}}', { a: 1, b: { c: '\0' } }],
  ];

  for (const [type, config, told] of rows) {
    const described = { type, config: { mediaType: IMAGE_CONFIG }, firstLayer: undefined };
    const attributes = readAttributes(
      described,
      config === undefined ? undefined : Buffer.from(config),
    );
    assert.deepEqual(attributes, told, `${type} ${config?.slice(0, 80)}`);
  }
});

test('a module of WebAssembly says what it is by its layer, or as an image', () => {
  const mediaType_ = 'application/vnd.wasm.config.v1+json';
  const firstLayer = {
    mediaType: 'application/vnd.wasm.content.layer.v1+wasm',
    annotations: { 'org.opencontainers.image.title': 'module.wasm' },
  };
  const config = Buffer.from('{"architecture":"wasm","os":"wasi"}');

  const module = readAttributes(
    { type: 'WASM', config: { mediaType: mediaType_ }, firstLayer },
    config,
  );
  const bare = readAttributes(
    { type: 'WASM', config: { mediaType: mediaType_ }, firstLayer: undefined },
    config,
  );
  const image = readAttributes(
    { type: 'WASM', config: { mediaType: IMAGE_CONFIG }, firstLayer },
    config,
  );

  assert.deepEqual(module, {
    'manifest.config.mediaType': mediaType_,
    'manifest.layers.mediaType': firstLayer.mediaType,
    'org.opencontainers.image.title': 'module.wasm',
  });
  assert.deepEqual(bare, { 'manifest.config.mediaType': mediaType_ });
  assert.deepEqual(image, {
    'manifest.config.mediaType': IMAGE_CONFIG,
    ...nothing,
    architecture: 'wasm',
    os: 'wasi',
  });
});

const at = (repository: string, reference: string) =>
  `/api/v2.0/projects/library/repositories/${repository}/artifacts${reference && `/${reference}`}`;

const PNG = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.from('pixels')]);

test('configs are read once, when somebody first asks, and what cannot be read is asked for again', async (t) => {
  const { as, platform } = await startApp(t);
  const admin = as('admin');
  for (let n = 0; n < 5; n++) {
    await pushImage(admin, 'library/app', `v${n}`, { config: JSON.stringify({ os: `os ${n}` }) });
  }
  const read = t.mock.method(platform.storage, 'readWhole');
  const listOs = async (query = '') => {
    const reply = must(await admin.get(`${at('app', '')}?sort=id${query}`), 200);
    return reply.json<{ extra_attrs?: { os: string } }[]>().map((one) => one.extra_attrs?.os);
  };
  read.mock.mockImplementationOnce(() => Promise.reject(new Error('the store is away')), 1);

  const first = await listOs();
  const second = await listOs();
  const third = await Promise.all([listOs(), listOs('&page_size=2')]);

  const names = [0, 1, 2, 3, 4].map((n) => `os ${n}`);
  assert.equal(first.filter((os) => os === undefined).length, 1);
  assert.deepEqual(second, names);
  assert.deepEqual(third, [names, names.slice(0, 2)]);
  assert.equal(read.mock.callCount(), 6);
});

test('a huge config is not read, one that is missing is no harm', async (t) => {
  const { as, platform } = await startApp(t, {
    config: (values) => void (values.manifests.allow_missing_blobs = true),
  });
  const admin = as('admin');
  const huge = JSON.stringify({ os: 'linux', note: 'x'.repeat(1024 * 1024) });
  await pushImage(admin, 'library/app', 'huge', { config: huge });
  const read = t.mock.method(platform.storage, 'readWhole');
  const missing = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaType.OCI_IMAGE_MANIFEST,
      config: descriptorOf('{"os":"later"}', IMAGE_CONFIG),
      layers: [],
    }),
  );
  must(await putManifest(admin, 'library/app', 'missing', missing), 201);

  const ofHuge = (await admin.get(at('app', 'huge'))).json().extra_attrs;
  const ofMissing = (await admin.get(at('app', 'missing'))).json().extra_attrs;
  await pushBlob(admin, 'library/app', '{"os":"later"}');
  const later = (await admin.get(at('app', 'missing'))).json().extra_attrs;

  assert.deepEqual(ofHuge, nothing);
  assert.equal(ofMissing, undefined);
  assert.equal(later.os, 'later');
  assert.equal(read.mock.callCount(), 1);
});

test('an artifact with a type of its own shows its config and its icon', async (t) => {
  const { as, createProject, createUser } = await startApp(t);
  const admin = as('admin');
  await createProject('closed');
  await createUser('ann', { closed: 5 });
  await createUser('bob');
  const skip = { 'io.goharbor.artifact.v1alpha1.skip-list': 'secret,other' };
  const icon = { 'io.goharbor.artifact.v1alpha1.icon': '' };
  const config = JSON.stringify({ framework: 'torch', secret: 'x', text: '\0' });
  const push = async (layer: Buffer) => {
    await pushBlob(admin, 'closed/app', config);
    await pushBlob(admin, 'closed/app', layer);
    const also = {
      config: {
        ...descriptorOf(config, 'application/vnd.acme.model.config.v1+json'),
        annotations: skip,
      },
      layers: [{ ...descriptorOf(layer, 'image/png'), annotations: icon }],
    };
    await pushImage(admin, 'closed/app', 'v1', { also });
    const url = '/api/v2.0/projects/closed/repositories/app/artifacts/v1';
    return must(await admin.get(url), 200).json();
  };
  const shown = await push(PNG);
  const script = await push(Buffer.from('<svg onload="alert(1)"/>'));
  const iconPath = `/api/v2.0/icons/${shown.icon}`;

  assert.equal(shown.type, 'MODEL');
  assert.deepEqual(shown.extra_attrs, { framework: 'torch', text: '\0' });
  assert.deepEqual((await as('ann').get(iconPath)).json(), {
    'content-type': 'image/png',
    content: PNG.toString('base64'),
  });
  assert.equal((await as('bob').get(iconPath)).statusCode, 404);
  assert.equal((await as('anonymous').get(iconPath)).statusCode, 404);
  const drawn = await as('anonymous').get(`/api/v2.0/icons/${script.icon}`);
  assert.match(drawn.json()['content-type'], /svg/);
  for (const digest of ['x', 'sha256:0', descriptorOf('none').digest, '%00']) {
    assert.equal((await admin.get(`/api/v2.0/icons/${digest}`)).statusCode, 404, digest);
  }
});

test('a bundle of CNAB shows the config that its index lists', async (t) => {
  const { as, platform } = await startApp(t);
  const admin = as('admin');
  const config = JSON.stringify({ name: 'bundle', schemaVersion: 'v1' });
  const { bytes } = await pushImage(admin, 'library/cnab', undefined, { config });
  const child = {
    ...descriptorOf(bytes, mediaType.OCI_IMAGE_MANIFEST),
    annotations: { 'io.cnab.manifest.type': 'config' },
  };
  const index = {
    schemaVersion: 2,
    mediaType: mediaType.OCI_IMAGE_INDEX,
    manifests: [child],
    annotations: { 'org.opencontainers.artifactType': 'application/vnd.cnab.manifest.v1' },
  };
  const body = Buffer.from(JSON.stringify(index));
  must(await putManifest(admin, 'library/cnab', 'v1', body, mediaType.OCI_IMAGE_INDEX), 201);

  const shown = must(await admin.get(at('cnab', 'v1')), 200).json();

  assert.deepEqual([shown.type, shown.extra_attrs], ['CNAB', JSON.parse(config)]);
  const { rows } = await sql`select from manifest_attributes`.execute(platform.db);
  assert.equal(rows.length, 1);
});
