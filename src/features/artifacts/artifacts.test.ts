import assert from 'node:assert/strict';
import { before, test } from 'node:test';

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
import type { TestApp } from '../../../test/harness.ts';
import { repositoryCounting } from './jobs.ts';

const PROJECTS = '/api/v2.0/projects';
const share = shareApp();
let app: TestApp;
let admin: Client;

interface Artifact {
  id: number;
  digest: string;
  type: string;
  size: number;
  tags: { name: string; immutable: boolean; push_time: string }[] | null;
  labels: { name: string }[] | null;
  references: { child_digest: string; child_id?: number; platform?: object }[] | null;
  accessories: { type: string; digest: string; subject_artifact_digest: string }[] | null;
  inherited_accessories?: { digest: string }[];
  repository_name: string;
}

/** What the tests that only read look at, by name. */
const pushed: Record<string, { digest: string; bytes: Buffer }> = {};

before(async () => {
  app = await share();
  admin = app.as('admin');
  await app.createProject('store');
  for (const name of ['amd64', 'arm64', 'plain', 'untagged']) {
    const config = JSON.stringify({ architecture: name, os: 'linux' });
    const tag = name === 'plain' ? 'v1' : undefined;
    pushed[name] = await pushImage(admin, 'store/app', tag, {
      config,
      layers: [`layer of ${name}`],
    });
  }
  await putManifest(admin, 'store/app', 'v1.1', pushed.plain!.bytes);
  pushed.index = await pushIndex('store/app', 'multi', [
    [pushed.amd64!.bytes, { architecture: 'amd64', os: 'linux' }],
    [pushed.arm64!.bytes, { architecture: 'arm64', os: 'linux', variant: 'v8' }],
  ]);
  pushed.signature = await sign('store/app', pushed.index.bytes, 'first');
  pushed.chart = await pushImage(admin, 'store/chart', '1.0.0', {
    config: JSON.stringify({ name: 'web', version: '1.0.0', apiVersion: 'v2' }),
    also: {
      config: descriptorOf(
        JSON.stringify({ name: 'web', version: '1.0.0', apiVersion: 'v2' }),
        HELM,
      ),
    },
  });
});

const HELM = 'application/vnd.cncf.helm.config.v1+json';

async function pushIndex(
  repository: string,
  tag: string,
  children: [Buffer, object?][],
  also = {},
) {
  const manifests = children.map(([child, platform]) => ({
    ...descriptorOf(child, mediaType.OCI_IMAGE_MANIFEST),
    ...(platform === undefined ? {} : { platform }),
  }));
  const index = { schemaVersion: 2, mediaType: mediaType.OCI_IMAGE_INDEX, manifests, ...also };
  const bytes = Buffer.from(JSON.stringify(index));
  must(await putManifest(admin, repository, tag, bytes, mediaType.OCI_IMAGE_INDEX), 201);
  return { digest: digestOf(bytes), bytes };
}

/** A signature as cosign 3 makes them. */
function sign(repository: string, signed: Buffer, content: string) {
  const subject = descriptorOf(signed, mediaType.OCI_IMAGE_INDEX);
  const artifactType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
  const also = { subject, artifactType };
  return pushImage(admin, repository, undefined, { config: JSON.stringify({ content }), also });
}

const at = (repository: string, reference = '') => {
  const [project, ...rest] = repository.split('/');
  return `${PROJECTS}/${project}/repositories/${rest.join('%252F')}/artifacts${reference && `/${reference}`}`;
};

async function get(repository: string, reference: string, query = ''): Promise<Artifact> {
  return must(await admin.get(`${at(repository, reference)}?${query}`), 200).json();
}

/** The names of what is listed. */
async function list(url: string): Promise<string[]> {
  const reply = must(await admin.get(url), 200);
  const listed = reply.json<Artifact[]>();
  const nameOf = ({ digest }: Artifact) =>
    Object.entries(pushed).find(([, known]) => known.digest === digest)?.[0] ?? digest;
  if (!/[?&](page|page_size)=/.test(url)) {
    assert.equal(reply.headers['x-total-count'], String(listed.length), url);
  }
  return listed.map(nameOf);
}

test('an artifact is told of with its tags, what it lists and who signed it, by tag and by digest', async () => {
  const byTag = await get('store/app', 'multi');
  const byDigest = await get('store/app', pushed.index!.digest);

  assert.deepEqual(byTag, byDigest);
  const [child] = byTag.references!.filter(
    ({ child_digest }) => child_digest === pushed.arm64!.digest,
  );
  const arm64 = await get('store/app', pushed.arm64!.digest);
  assert.deepEqual(child, {
    parent_id: byTag.id,
    child_id: arm64.id,
    child_digest: pushed.arm64!.digest,
    platform: { architecture: 'arm64', os: 'linux', variant: 'v8' },
    urls: null,
  });
  const [signature] = byTag.accessories!;
  assert.equal(byTag.accessories!.length, 1);
  const { id, creation_time, icon, ...rest } = signature as unknown as Record<string, unknown>;
  assert.deepEqual(rest, {
    artifact_id: id,
    subject_artifact_id: byTag.id,
    subject_artifact_digest: pushed.index!.digest,
    subject_artifact_repo: 'store/app',
    size: pushed.signature!.bytes.length + JSON.stringify({ content: 'first' }).length,
    digest: pushed.signature!.digest,
    type: 'signature.cosign',
  });
  assert.match(String(icon), /^sha256:/);
  assert.match(String(creation_time), /Z$/);
  const { repository_id } = byTag as unknown as { repository_id: number };
  const [tag] = byTag.tags!;
  assert.deepEqual(
    { ...tag, id: 0, push_time: '' },
    {
      id: 0,
      repository_id,
      artifact_id: byTag.id,
      name: 'multi',
      push_time: '',
      pull_time: '0001-01-01T00:00:00.000Z',
      immutable: false,
    },
  );
});

test('the members of an image are those of Harbor', async () => {
  const { id, project_id, repository_id, icon, push_time, tags, ...rest } = (await get(
    'store/app',
    'v1',
  )) as unknown as Record<string, unknown>;
  const { bytes, digest } = pushed.plain!;
  const config = JSON.stringify({ architecture: 'plain', os: 'linux' });

  assert.ok(
    typeof id === 'number' && typeof project_id === 'number' && typeof repository_id === 'number',
  );
  assert.match(`${String(icon)} ${String(push_time)}`, /^sha256:\w{64} \d{4}-.*Z$/);
  assert.deepEqual(
    (tags as { name: string }[]).map(({ name }) => name),
    ['v1.1', 'v1'],
  );
  assert.deepEqual(rest, {
    type: 'IMAGE',
    media_type: 'application/vnd.oci.image.config.v1+json',
    manifest_media_type: mediaType.OCI_IMAGE_MANIFEST,
    artifact_type: 'application/vnd.oci.image.config.v1+json',
    repository_name: 'store/app',
    digest,
    size: bytes.length + config.length + 'layer of plain'.length,
    pull_time: '0001-01-01T00:00:00.000Z',
    extra_attrs: { created: null, architecture: 'plain', os: 'linux', author: '', config: {} },
    references: null,
    labels: null,
    accessories: null,
    addition_links: {
      build_history: {
        href: `/api/v2.0/projects/store/repositories/app/artifacts/${digest}/additions/build_history`,
        absolute: false,
      },
    },
  });
});

test("an index is as large as what it lists, and a layer counts once in an image's size", async () => {
  const [index, amd64, arm64] = await Promise.all([
    get('store/app', 'multi'),
    get('store/app', pushed.amd64!.digest),
    get('store/app', pushed.arm64!.digest),
  ]);
  const twice = await pushImage(admin, 'store/twice', 'v1', { layers: ['same', 'same'] });

  assert.equal(index.size, pushed.index!.bytes.length + amd64.size + arm64.size);
  assert.equal((await get('store/twice', 'v1')).size, twice.bytes.length + 2 + 4);
});

test('lists show what is at the top, filtered and sorted, the youngest first', async () => {
  await repositoryCounting.run(app.platform, new AbortController().signal);
  const rows: [query: string, names: string][] = [
    ['', 'index untagged plain'],
    ['page_size=2&page=2', 'plain'],
    ['q=base%3D*', 'index untagged plain arm64 amd64'],
    ['q=tags%3D*', 'index plain'],
    ['q=tags%3Dnil', 'untagged'],
    ['q=tags%3Dnil,base%3D*', 'untagged arm64 amd64'],
    ['q=tags%3Dv1', 'plain'],
    ['q=tags%3DV1', ''],
    ['q=tags%3D~1.', 'plain'],
    ['q=tags%3D~MULTI', 'index'],
    ['q=tags%3D~_', ''],
    [`q=digest%3D${pushed.plain!.digest}`, 'plain'],
    [`q=digest%3D~${pushed.plain!.digest.slice(9, 40)}`, 'plain'],
    ['q=digest%3Dnone', ''],
    ['q=type%3DIMAGE', 'index untagged plain'],
    ['q=type%3DCHART', ''],
    [`q=media_type%3D${encodeURIComponent(mediaType.OCI_IMAGE_INDEX)}`, 'index'],
    [`q=manifest_media_type%3D~index`, 'index'],
    ['q=artifact_type%3D~config', 'untagged plain'],
    ['q=size%3D[1~]&sort=size', 'plain untagged index'],
    ['sort=push_time', 'plain untagged index'],
    ['sort=-id', 'index untagged plain'],
    ['sort=pull_time,-push_time', 'index untagged plain'],
    ['q=push_time%3D[2000-01-01~]', 'index untagged plain'],
    ['q=pull_time%3D[2000-01-01~]', ''],
    ['q=labels%3D(987654)', ''],
    ['q=nonsense%3D1', 'index untagged plain'],
  ];

  for (const [query, names] of rows) {
    assert.equal((await list(`${at('store/app')}?${query}`)).join(' '), names, query);
  }
});

test('what can be no filter is refused', async () => {
  const queries = [
    'base%3Dx',
    'base%3D~x',
    'tags%3D(a b)',
    'labels%3D1',
    'labels%3D(x)',
    'id%3Dx',
    'tags',
  ];
  for (const query of queries) {
    const reply = await admin.get(
      `${at('store/app')}?q=${encodeURI(query).replaceAll('%25', '%')}`,
    );
    assert.equal(reply.statusCode, 400, query);
    assert.equal(reply.json().errors[0].code, 'BAD_REQUEST');
  }
  for (const query of ['page_size=101', 'page=-1', 'with_tag=maybe']) {
    assert.equal((await admin.get(`${at('store/app')}?${query}`)).statusCode, 422, query);
  }
});

test('all artifacts of a project are in one list, or the latest of each repository', async () => {
  const url = `${PROJECTS}/store/artifacts`;
  const type = (text: string) => encodeURIComponent(`media_type=${text}`);
  const latest = (q: string) => `${url}?latest_in_repository=true&q=${q}`;

  const all = await list(`${url}?q=repository_id%3D[1~]`);
  const charts = await list(`${url}?q=type%3DCHART`);
  const images = must(
    await admin.get(latest(type('application/vnd.oci.image.config.v1+json'))),
    200,
  );

  assert.ok(['index', 'untagged', 'plain', 'chart'].every((name) => all.includes(name)));
  assert.deepEqual(charts, ['chart']);
  assert.deepEqual(await list(latest(type(HELM))), ['chart']);
  const repositories = images.json<Artifact[]>().map(({ repository_name }) => repository_name);
  assert.equal(new Set(repositories).size, repositories.length);
  assert.ok(repositories.includes('store/app'));
  for (const q of ['', 'type%3DIMAGE', 'media_type%3Da,artifact_type%3Da']) {
    assert.equal((await admin.get(latest(q))).statusCode, 400, q);
  }
  const { project_id } = (await admin.get(`${PROJECTS}/store`)).json();
  assert.deepEqual(await list(`${PROJECTS}/${project_id}/artifacts?q=tags%3D1.0.0`), ['chart']);
});

test('what was not asked for is left out', async () => {
  const bare = await get('store/app', 'multi', 'with_tag=false&with_accessory=false');
  const plain = await get('store/app', 'multi', 'with_label=true&with_scan_overview=true');

  assert.deepEqual([bare.tags, bare.accessories], [null, null]);
  assert.deepEqual([plain.tags?.length, plain.accessories?.length], [1, 1]);
});

test('what an index is signed with covers what it lists, unless that has a signature of its own', async () => {
  const inherited = async (name: string) =>
    (await get('store/app', pushed[name]!.digest, 'with_inherited_accessory=true'))
      .inherited_accessories;
  const before_ = await inherited('amd64');
  const own = await sign('store/app', pushed.amd64!.bytes, 'own');

  assert.deepEqual(
    before_?.map(({ digest }) => digest),
    [pushed.signature!.digest],
  );
  assert.equal(await inherited('amd64'), undefined);
  assert.equal((await inherited('arm64'))!.length, 1);
  assert.equal(await inherited('plain'), undefined);
  const { accessories } = await get('store/app', pushed.amd64!.digest);
  assert.deepEqual(
    accessories!.map(({ digest }) => digest),
    [own.digest],
  );
});

test('accessories have a list of their own', async () => {
  const { bytes } = await pushImage(admin, 'store/signed', 'v1');
  const [first, second] = [
    await sign('store/signed', bytes, 'a'),
    await sign('store/signed', bytes, 'bb'),
  ];
  const rows: [query: string, digests: string[]][] = [
    ['', [first.digest, second.digest]],
    ['sort=-creation_time', [second.digest, first.digest]],
    ['sort=size', [first.digest, second.digest]],
    ['q=type%3Dsignature.cosign', [first.digest, second.digest]],
    ['q=type%3Dsubject.accessory', []],
    [`q=digest%3D${second.digest}`, [second.digest]],
    ['page_size=1&page=2', [second.digest]],
  ];

  for (const [query, digests] of rows) {
    const reply = must(await admin.get(`${at('store/signed', 'v1')}/accessories?${query}`), 200);
    assert.deepEqual(
      reply.json<Artifact[]>().map(({ digest }) => digest),
      digests,
      query,
    );
  }
});

test('an accessory may come before what it belongs to, and is never in a list', async () => {
  const subject = await pushImage(admin, 'store/elsewhere', undefined, { config: '{"os":"late"}' });
  await sign('store/late', subject.bytes, 'early');
  assert.deepEqual(await list(`${at('store/late')}?q=base%3D*`), []);

  await pushImage(admin, 'store/late', 'v1', { config: '{"os":"late"}' });
  const { accessories, id } = (await get('store/late', 'v1')) as Artifact & { id: number };

  assert.equal(accessories!.length, 1);
  assert.equal(
    (accessories![0] as unknown as { subject_artifact_id: number }).subject_artifact_id,
    id,
  );
});

test("cosign 2's signatures are found by their tag, pushed with it or tagged later", async () => {
  const layer = 'the payload';
  const signature = (content: string) => ({
    config: JSON.stringify({ content }),
    layers: [layer],
    also: { layers: [descriptorOf(layer, 'application/vnd.dev.cosign.simplesigning.v1+json')] },
  });
  for (const repository of ['store/tagged', 'store/later']) {
    const { bytes, digest } = await pushImage(admin, repository, 'v1');
    const tag = `${digest.replace(':', '-')}.sig`;
    await pushBlob(admin, repository, layer);
    const isLater = repository === 'store/later';
    const signed = await pushImage(admin, repository, isLater ? undefined : tag, signature('one'));
    if (isLater) must(await putManifest(admin, repository, tag, signed.bytes), 201);

    const { accessories } = await get(repository, 'v1');
    assert.deepEqual(
      accessories!.map(({ type, subject_artifact_digest }) => [type, subject_artifact_digest]),
      [['signature.cosign', digest]],
    );
    assert.deepEqual(await list(at(repository)), [digest]);
    const referrers = await admin.get(`/v2/${repository}/referrers/${digest}`);
    assert.deepEqual(referrers.json().manifests, []);
    assert.ok(bytes.length > 0);
  }
});
