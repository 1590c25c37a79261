import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { before, test } from 'node:test';
import { gzipSync } from 'node:zlib';

import {
  descriptorOf,
  digestOf,
  mediaType,
  must,
  pushBlob,
  pushImage,
  putManifest,
} from '../../../test/harness/registry.ts';
import { shareApp } from '../../../test/harness/share-app.ts';
import type { Client } from '../../../test/harness/client.ts';

const share = shareApp();
let admin: Client;
before(async () => {
  admin = (await share()).as('admin');
});

const at = (repository: string, reference = 'v1') =>
  `/api/v2.0/projects/library/repositories/${repository}/artifacts/${reference}`;

const getAddition = (repository: string, name: string, reference?: string) =>
  admin.get(`${at(repository, reference)}/additions/${name}`);

const HELM = 'application/vnd.cncf.helm.config.v1+json';
const CHART_LAYER = 'application/vnd.cncf.helm.chart.content.v1.tar+gzip';

/** A packed archive of files, made by tar. */
function pack(files: Record<string, string>, options = ['-z']): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'roadstead-chart-'));
  try {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), content);
    }
    return execFileSync('tar', ['-c', ...options, '-C', folder, ...Object.keys(files)]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function pushLayers(
  repository: string,
  {
    config,
    configType,
    layers,
    artifactType,
  }: {
    config: string;
    configType: string;
    layers: { content: Buffer; type: string; annotations?: Record<string, string> }[];
    artifactType?: string;
  },
) {
  for (const { content } of layers) await pushBlob(admin, `library/${repository}`, content);
  const also = {
    config: descriptorOf(config, configType),
    layers: layers.map(({ content, type, annotations = {} }) => ({
      ...descriptorOf(content, type),
      annotations,
    })),
    ...(artifactType === undefined ? {} : { artifactType }),
  };
  return pushImage(admin, `library/${repository}`, 'v1', { config, also });
}

const pushChart = (repository: string, chart: object, layer: Buffer) =>
  pushLayers(repository, {
    config: JSON.stringify(chart),
    configType: HELM,
    layers: [{ content: layer, type: CHART_LAYER }],
  });

test("the history of an image is its config's, with the digest and size of the layer each step made", async () => {
  const history = [
    { created: '2026-01-01T00:00:00Z', created_by: 'ADD rootfs', comment: 'buildkit' },
    { created: '2026-01-01T00:00:01Z', created_by: 'ENV A=b', empty_layer: true },
    { created: '2026-01-01T00:00:02Z', created_by: 'RUN make', author: 'ann' },
  ];
  await pushImage(admin, 'library/history', 'v1', {
    config: JSON.stringify({ os: 'linux', history }),
    layers: ['first layer', 'second'],
  });

  const reply = must(await getAddition('history', 'build_history'), 200);

  assert.equal(reply.headers['content-type'], 'application/json; charset=utf-8');
  assert.equal(reply.headers['x-content-type-options'], 'nosniff');
  assert.deepEqual(reply.json(), [
    { ...history[0], digest: digestOf('first layer'), size: 11 },
    history[1],
    { ...history[2], digest: digestOf('second'), size: 6 },
  ]);
});

test('a history that does not fit the layers, or is none, tells only what it holds', async () => {
  const rows: [config: object | string, told: unknown[]][] = [
    [{}, []],
    [{ history: null }, []],
    [{ history: 'x' }, []],
    [
      { history: [{ created_by: 'a' }, { created_by: 'b' }] },
      [{ created_by: 'a' }, { created_by: 'b' }],
    ],
    [
      { history: [1, null, ['x'], { created_by: 'a' }] },
      [{ created_by: 'a', digest: digestOf('one'), size: 3 }],
    ],
    ['no json', []],
  ];
  for (const [index, [config, told]] of rows.entries()) {
    const text = typeof config === 'string' ? config : JSON.stringify(config);
    await pushImage(admin, 'library/odd', `v${index}`, { config: text, layers: ['one'] });
    const reply = must(await getAddition('odd', 'build_history', `v${index}`), 200);
    assert.deepEqual(reply.json(), told, text);
  }
});

test('values, read-me and dependencies of a chart are those of the chart itself', async () => {
  const dependencies = [{ name: 'db', version: '1', repository: 'oci://x' }];
  const chart = { name: 'web', version: '1.0.0', apiVersion: 'v2', dependencies };
  const layer = pack({
    'web/charts/db/values.yaml': 'of: db',
    'web/charts/db/README.md': 'of db',
    'web/Chart.yaml': 'name: web',
    'web/values.yaml': 'replicas: 1\n# ä\n',
    'web/README.md': '# Web',
  });
  await pushChart('web', chart, layer);
  const rows: [name: string, type: string, body: string][] = [
    ['values.yaml', 'text/plain; charset=utf-8', 'replicas: 1\n# ä\n'],
    ['readme.md', 'text/markdown; charset=utf-8', '# Web'],
    ['dependencies', 'application/json; charset=utf-8', JSON.stringify(dependencies)],
  ];

  for (const [name, type, body] of rows) {
    const reply = must(await getAddition('web', name), 200);
    assert.deepEqual([reply.headers['content-type'], reply.body], [type, body], name);
  }
  const { addition_links } = (await admin.get(at('web'))).json();
  for (const [name] of rows) {
    assert.equal((await admin.get(addition_links[name].href)).statusCode, 200);
  }
});

test('an old chart names its dependencies in a file, and what a chart lacks is empty', async () => {
  const old = { name: 'old', version: '1', apiVersion: 'v1' };
  const requirements = 'dependencies:\n- name: db\n  version: "1"\n';
  await pushChart(
    'old',
    old,
    pack({ 'old/Chart.yaml': 'name: old', 'old/requirements.yaml': requirements }),
  );
  await pushChart('bad-yaml', old, pack({ 'old/requirements.yaml': 'a: [' }));
  await pushChart('bare', { name: 'bare', apiVersion: 'v2' }, pack({ 'bare/Chart.yaml': '' }));

  assert.deepEqual((await getAddition('old', 'dependencies')).json(), [
    { name: 'db', version: '1' },
  ]);
  assert.deepEqual((await getAddition('bad-yaml', 'dependencies')).json(), []);
  assert.deepEqual((await getAddition('bare', 'dependencies')).json(), []);
  for (const name of ['values.yaml', 'readme.md']) {
    const reply = await getAddition('bare', name);
    assert.deepEqual([reply.statusCode, reply.body], [200, '']);
  }
});

test('a chart that is none, or grows beyond measure, is refused', async () => {
  const chart = { name: 'x', apiVersion: 'v2' };
  const rows: [what: string, layer: Buffer, status: number][] = [
    ['no-gzip', Buffer.from('no gzip'), 400],
    ['no-tar', gzipSync('x'.repeat(2048)), 400],
    ['half', pack({ 'x/values.yaml': 'a'.repeat(100_000) }).subarray(0, 150), 400],
    ['bomb', gzipSync(Buffer.concat([pack({ 'x/a': '' }, []).subarray(0, 512), zeroes(101)])), 400],
    ['large-file', pack({ 'x/values.yaml': 'a'.repeat(6 * 1024 * 1024) }), 413],
    ['large-archive', largeArchive(), 413],
    ['empty', Buffer.alloc(0), 400],
  ];
  for (const [what, layer, status] of rows) {
    await pushChart(what, chart, layer);
    const reply = await getAddition(what, 'values.yaml');
    assert.equal(reply.statusCode, status, `${what} ${reply.body}`);
  }
});

const zeroes = (megabytes: number) => Buffer.alloc(megabytes * 1024 * 1024, 'z');

/** Well-formed, with what is looked for behind 101 MiB. */
const largeArchive = () =>
  pack({ 'x/large': zeroes(101).toString('latin1'), 'x/values.yaml': 'a: 1' });

test('read-me, license and files of a model are those of its layers', async () => {
  const path = (name: string) => ({ 'org.cncf.model.filepath': name });
  const raw = 'application/vnd.cncf.model.doc.v1.raw';
  await pushLayers('model', {
    config: '{"descriptor":{"name":"m"}}',
    configType: 'application/vnd.cncf.model.config.v1+json',
    artifactType: 'application/vnd.cncf.model.manifest.v1+json',
    layers: [
      { content: Buffer.from('# Model'), type: raw, annotations: path('README.md') },
      {
        content: pack({ LICENSE: 'Apache' }, []),
        type: 'application/vnd.cncf.model.doc.v1.tar',
        annotations: path('LICENSE'),
      },
      { content: Buffer.from('weights'), type: 'x/y', annotations: path('weights/part/1.bin') },
      { content: Buffer.from('again'), type: 'x/y', annotations: path('weights/part') },
      { content: Buffer.from('code'), type: 'x/y', annotations: path('/a.py') },
      { content: Buffer.from('folder'), type: 'x/y', annotations: path('empty/') },
      { content: Buffer.from('odd'), type: 'x/y', annotations: path('../__proto__/x') },
      { content: Buffer.from('deep'), type: 'x/y', annotations: path('d/'.repeat(5000)) },
      { content: Buffer.from('nameless'), type: 'x/y' },
    ],
  });

  const readme = await getAddition('model', 'readme.md');
  const license = await getAddition('model', 'license');
  const files = await getAddition('model', 'files');

  assert.deepEqual([readme.body, license.body], ['# Model', 'Apache']);
  assert.deepEqual(files.json(), [
    {
      name: '..',
      type: 'directory',
      children: [
        { name: '__proto__', type: 'directory', children: [{ name: 'x', type: 'file', size: 3 }] },
      ],
    },
    { name: 'empty', type: 'directory', children: [] },
    {
      name: 'weights',
      type: 'directory',
      children: [
        { name: 'part', type: 'directory', children: [{ name: '1.bin', type: 'file', size: 7 }] },
      ],
    },
    { name: 'LICENSE', type: 'file', size: 2048 * 5 },
    { name: 'README.md', type: 'file', size: 7 },
    { name: 'a.py', type: 'file', size: 4 },
  ]);
  const bare = {
    config: '{}',
    configType: 'x/y',
    artifactType: 'application/vnd.cncf.model.manifest.v1+json',
  };
  await pushLayers('bare-model', { ...bare, layers: [] });
  assert.equal((await getAddition('bare-model', 'license')).statusCode, 404);
  assert.deepEqual((await getAddition('bare-model', 'files')).json(), []);
});

test('an SBOM is its one layer', async () => {
  const type = 'application/vnd.goharbor.harbor.sbom.v1';
  const sbom = {
    config: '{}',
    configType: 'application/vnd.oci.image.config.v1+json',
    artifactType: type,
  };
  const content = Buffer.from('{"spdxVersion":"SPDX-2.3"}');
  await pushLayers('sbom', { ...sbom, layers: [{ content, type: 'x/y' }] });
  await pushLayers('no-sbom', { ...sbom, layers: [] });

  const reply = must(await getAddition('sbom', 'sbom'), 200);

  assert.deepEqual([reply.headers['content-type'], reply.body], [type, content.toString()]);
  assert.equal((await getAddition('no-sbom', 'sbom')).statusCode, 404);
});

test('what an artifact has not is a bad request, whatever nobody knows is refused', async () => {
  const { bytes } = await pushImage(admin, 'library/image', 'v1');
  const manifests = [descriptorOf(bytes, mediaType.OCI_IMAGE_MANIFEST)];
  const index = { schemaVersion: 2, mediaType: mediaType.OCI_IMAGE_INDEX, manifests };
  const body = Buffer.from(JSON.stringify(index));
  must(await putManifest(admin, 'library/image', 'index', body, mediaType.OCI_IMAGE_INDEX), 201);

  assert.equal((await getAddition('image', 'values.yaml')).statusCode, 400);
  assert.match((await getAddition('image', 'values.yaml')).body, /isn't supported for IMAGE/);
  assert.equal((await getAddition('image', 'build_history', 'index')).statusCode, 400);
  assert.equal((await getAddition('image', 'nonsense')).statusCode, 422);
  assert.equal((await getAddition('image', 'build_history', 'v9')).statusCode, 404);
});
