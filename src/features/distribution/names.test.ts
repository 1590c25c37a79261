import assert from 'node:assert/strict';
import { test } from 'node:test';

import { basic } from '../../../test/harness/client.ts';
import { randomOf, type Random } from '../../../test/fuzz/random.ts';
import { ADMIN_PASSWORD } from '../../../test/harness.ts';
import {
  beginUpload,
  codesOf,
  digestOf,
  imageManifest,
  pushBlob,
  pushImage,
} from '../../../test/harness/registry.ts';
import { shareApp } from '../../../test/harness/share-app.ts';
import { send } from '../../../test/harness/wire.ts';

const shared = shareApp();

const WORDS = ['blobs', 'manifests', 'tags', 'referrers', 'uploads', 'tags/list', '_catalog'];
const NAMES = [
  ...['blobs', 'manifests', 'tags', 'referrers', 'uploads', 'list'].map(
    (word) => `library/${word}`,
  ),
  'library/blobs/uploads',
  'library/tags/list',
  'library/manifests/latest',
  'library/a/b/c/d/e',
  `library/${'a'.repeat(247)}`,
  'library/a.b_c__d-e---f',
];

for (const name of NAMES) {
  test(`the repository ${name.slice(0, 40)} takes and gives everything`, async () => {
    const { as } = await shared();
    const admin = as('admin');
    const { digest, bytes } = await pushImage(admin, name, 'latest', { layers: [name] });
    const upload = await beginUpload(admin, name);

    const replies = {
      manifest: await admin.get(`/v2/${name}/manifests/latest`),
      blob: await admin.get(`/v2/${name}/blobs/${digestOf(name)}`),
      tags: await admin.get(`/v2/${name}/tags/list`),
      referrers: await admin.get(`/v2/${name}/referrers/${digest}`),
      upload: await admin.get(upload),
      cancelled: await admin.delete(upload),
    };

    assert.deepEqual(replies.manifest.rawPayload, bytes);
    assert.equal(replies.blob.body, name);
    assert.deepEqual(replies.tags.json(), { name, tags: ['latest'] });
    assert.deepEqual([replies.referrers.statusCode, replies.referrers.json().manifests], [200, []]);
    assert.deepEqual([replies.upload.statusCode, replies.cancelled.statusCode], [204, 204]);
  });
}

test('GET /v2/ is 200 for whoever signed in, and tells everyone else how to', async () => {
  const { as } = await shared();

  const signedIn = await as('admin').get('/v2/');
  const anonymous = await as('anonymous').get('/v2/');

  assert.deepEqual([signedIn.statusCode, anonymous.statusCode], [200, 401]);
  assert.match(anonymous.headers['www-authenticate'] as string, /^Bearer realm="/);
});

test('words of the protocol in the query do not choose the route', async () => {
  const { as } = await shared();
  const digest = await pushBlob(as('admin'), 'library/query', 'a layer');

  for (const query of ['/manifests/latest', 'a=/v2/x/tags/list', '/library/y/blobs/z']) {
    const reply = await as('admin').get(`/v2/library/query/blobs/${digest}?${query}`);
    assert.deepEqual([reply.statusCode, reply.body], [200, 'a layer'], query);
  }
});

const BAD_NAMES = [
  'Library/App',
  'library/App',
  'library/a..b',
  'library/..',
  '../library/app',
  'library/../app',
  'library%2Fapp',
  'library%252Fapp',
  'library/%2e%2e/app',
  'library/-app',
  'library/app_',
  'library/a___b',
  'library/caf%C3%A9',
  'library/a%00b',
  'library/a b'.replace(' ', '%20'),
  'library/a@b',
  'library/a:b',
  'app',
  `library/${'a'.repeat(248)}`,
  'a/'.repeat(120) + 'toolong-toolong-toolong',
];

test("a malformed repository name is 400 NAME_INVALID in the spec's body, wherever it stands", async () => {
  const { listen } = await shared();
  const url = await listen();
  const digest = digestOf('a');
  const routes = [
    ['GET', `/blobs/${digest}`],
    ['DELETE', `/blobs/${digest}`],
    ['POST', '/blobs/uploads/'],
    ['PATCH', '/blobs/uploads/0'],
    ['PUT', '/manifests/latest'],
    ['GET', '/manifests/latest'],
    ['GET', '/tags/list'],
    ['GET', `/referrers/${digest}`],
  ] as const;

  for (const name of BAD_NAMES) {
    for (const [method, rest] of routes) {
      const reply = await send(url, { method, path: `/v2/${name}${rest}` });

      const where = `${method} ${name}${rest}`;
      assert.equal(reply.statusCode, 400, `${where}: ${reply.statusCode}`);
      assert.deepEqual(codesOf(reply), ['NAME_INVALID'], where);
      assert.match(reply.headers['content-type'] as string, /^application\/json/);
      assert.notEqual(reply.json().errors[0]!.message, '');
    }
  }
});

test('whatever is asked of /v2, the answer is never a fault of ours', async () => {
  const { app, as } = await shared();
  const { digest } = await pushImage(as('admin'), 'library/app', 'v1', { layers: ['a layer'] });
  const random = randomOf(20_261_121);
  const known = { digest, upload: (await beginUpload(as('admin'), 'library/app')).slice(-36) };

  for (let times = 0; times < 3000; times++) {
    const request = makeRequest(random, known);
    const reply = await app.inject(request);

    const shown = `${JSON.stringify(request)} → ${reply.statusCode} ${reply.body.slice(0, 200)}`;
    assert.ok(reply.statusCode < 500, shown);
    if (reply.statusCode >= 400 && reply.body !== '') {
      assert.match(codesOf(reply)[0]!, /^[A-Z_]+$/, shown);
    }
  }
});

/** Anything that gets through HTTP: mostly almost right. */
function makeRequest(random: Random, known: { digest: string; upload: string }) {
  const { pick, spoil, below } = random;
  const digests = [known.digest, digestOf('a layer'), digestOf('unknown'), 'sha256:', 'md5:00'];
  const references = [...digests, 'v1', 'latest', 'a'.repeat(200), known.upload, '', 'uploads/'];
  const name = pick(['library/app', 'library/blobs', 'nowhere/app', 'app', 'a/'.repeat(200)]);
  const uploads = ['blobs/uploads/', `blobs/uploads/${known.upload}`];
  const kinds = [
    'blobs/',
    'manifests/',
    'tags/list',
    'referrers/',
    '_catalog',
    ...uploads,
    ...WORDS,
  ];
  const path = `/v2/${name}/${pick(kinds)}${pick(['', pick(references)])}`;
  const values = [...references, '-1', '0', '3', '1e9', '\0', 'library/app', 'a/b', '%', '%zz'];
  const keys = ['digest', 'mount', 'from', 'n', 'last', 'tag', 'artifactType', 'digest-algorithm'];
  const query = Array.from({ length: below(3) }, () => `${pick(keys)}=${pick(values)}`).join('&');
  const url = `${below(3) === 0 ? spoil(path) : path}?${below(4) === 0 ? spoil(query) : query}`;
  const ranges = ['0-6', '0-', '5-1', 'bytes 0-6/7', '99999999999999999999-', 'a', ''];
  const types = ['application/vnd.oci.image.manifest.v1+json', 'text/plain', 'a;b', 'a/b; c="', ''];
  const headers: Record<string, string> = { authorization: basic('admin', ADMIN_PASSWORD) };
  if (below(3) === 0) headers['content-range'] = pick(ranges);
  if (below(3) === 0) headers.range = `bytes=${pick(['0-1', '-1', '9-', '1-0', 'a', '0-1,3-'])}`;
  if (below(2) === 0) headers['content-type'] = pick(types);
  if (below(5) === 0) headers['if-none-match'] = pick(['*', '"', known.digest, ',']);
  const manifest = imageManifest().toString();
  const bodies = [manifest, spoil(manifest), '[]', '{}', 'a layer', '\0', '{"schemaVersion":2}'];
  return {
    method: pick(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const),
    url: encodeWire(url),
    headers,
    ...(below(2) === 0 ? { payload: pick(bodies) } : {}),
  };
}

/** What can't stand in a request line is sent as a browser would. */
const encodeWire = (url: string) =>
  url.toWellFormed().replaceAll(/[^\x21-\x7e]/gu, (character) => encodeURIComponent(character));
