import assert from 'node:assert/strict';
import { test } from 'node:test';

import { sql } from 'kysely';

import { startApp } from '../../../test/harness.ts';
import type { Client } from '../../../test/harness/client.ts';
import { pushImage, putManifest } from '../../../test/harness/registry.ts';
import { shareApp } from '../../../test/harness/share-app.ts';
import { bearer, fetchToken } from '../../../test/harness/tokens.ts';

const shared = shareApp();
/** In byte order. */
const TAGS = [
  '0',
  '1.0',
  '1.10',
  '1.9',
  'A',
  'B',
  'Z',
  '_',
  'a',
  'a-b',
  'a.b',
  'a0',
  'aB',
  'a_',
  'b',
];

/** Follows the links from a first page; answers what each page lists. */
async function followLinks(client: Client, first: string): Promise<string[][]> {
  const pages: string[][] = [];
  for (let url: string | undefined = first; url !== undefined;) {
    const reply = await client.get(url);
    assert.equal(reply.statusCode, 200, reply.body);
    const { tags, repositories } = reply.json();
    pages.push(tags ?? repositories);
    url = /^<(.*)>; rel="next"$/.exec((reply.headers.link as string | undefined) ?? '')?.[1];
  }
  return pages;
}

async function pushTags(client: Client, repository: string): Promise<void> {
  const { bytes, digest } = await pushImage(client, repository, undefined);
  const query = TAGS.toReversed().map((tag) => `tag=${tag}`);
  await putManifest(client, repository, `${digest}?${query.join('&')}`, bytes);
}

test('tags are listed in byte order', async () => {
  const { as } = await shared();
  await pushTags(as('admin'), 'library/tags');

  const reply = await as('admin').get('/v2/library/tags/tags/list');

  assert.equal(reply.statusCode, 200);
  assert.deepEqual(reply.json(), { name: 'library/tags', tags: TAGS });
  assert.equal(reply.headers.link, undefined);
});

test('n and last choose a part of the tags', async () => {
  const { as } = await shared();
  await pushTags(as('admin'), 'library/part');
  const list = async (query: string) => {
    const reply = await as('admin').get(`/v2/library/part/tags/list?${query}`);
    return [reply.statusCode, reply.json().tags, reply.headers.link !== undefined];
  };

  assert.deepEqual(await list('n=3'), [200, TAGS.slice(0, 3), true]);
  assert.deepEqual(await list('n=3&last=1.9'), [200, TAGS.slice(4, 7), true]);
  assert.deepEqual(await list('last=a'), [200, TAGS.slice(9), false]);
  assert.deepEqual(await list('last=a%2Bnot-there'), [200, TAGS.slice(9), false]);
  assert.deepEqual(await list('last=zzz'), [200, [], false]);
  assert.deepEqual(await list('last='), [200, TAGS, false]);
  assert.deepEqual(await list(`n=${TAGS.length}`), [200, TAGS, false]);
  assert.deepEqual(await list('n=0'), [200, [], false]);
  assert.deepEqual(await list('n=0&last=a'), [200, [], false]);
  assert.deepEqual(await list('n=99999999999999999999999999'), [200, TAGS, false]);
});

test('the links of the pages lead to every tag once', async () => {
  const { as } = await shared();
  await pushTags(as('admin'), 'library/links');

  const pages = await followLinks(as('admin'), '/v2/library/links/tags/list?n=4');

  assert.deepEqual(
    pages.map((page) => page.length),
    [4, 4, 4, 3],
  );
  assert.deepEqual(pages.flat(), TAGS);
});

test('n that is no whole number is 400', async () => {
  const { as } = await shared();
  await pushImage(as('admin'), 'library/badn', 'v1');

  for (const list of ['/v2/library/badn/tags/list', '/v2/_catalog']) {
    for (const n of ['-1', '1.5', 'a', '', '0x10', '1e3', '%00', '1&n=2']) {
      assert.equal((await as('admin').get(`${list}?n=${n}`)).statusCode, 400, `${list} ${n}`);
    }
    assert.equal((await as('admin').get(`${list}?last=%00`)).statusCode, 400);
  }
});

test('a page has no more entries than limits.page_entries, whatever n says', async (t) => {
  const { as } = await startApp(t, {
    config: ({ limits }) => {
      limits.page_entries = 4;
    },
  });
  await pushTags(as('admin'), 'library/app');

  const pages = await followLinks(as('admin'), '/v2/library/app/tags/list?n=1000000000');

  assert.equal(pages[0]!.length, 4);
  assert.deepEqual(pages.flat(), TAGS);
});

test('the tags of a repository that is not there are 404 NAME_UNKNOWN', async () => {
  const { as } = await shared();

  const reply = await as('admin').get('/v2/library/never-pushed/tags/list');

  assert.deepEqual([reply.statusCode, reply.json().errors[0].code], [404, 'NAME_UNKNOWN']);
});

test('a hundred thousand tags are listed completely', async (t) => {
  const { as, platform } = await startApp(t);
  await pushImage(as('admin'), 'library/app', 't');
  await sql`
    insert into tag (repository_id, name, manifest_id)
    select repository_id, 't' || number, manifest_id from tag, generate_series(1, 100000) number`.execute(
    platform.db,
  );

  const pages = await followLinks(as('admin'), '/v2/library/app/tags/list');
  const last = await as('admin').get('/v2/library/app/tags/list?n=2&last=t99998');

  assert.equal(pages.length, 2);
  const all = pages.flat();
  assert.equal(new Set(all).size, 100_001);
  assert.ok(all.every((tag, index) => index === 0 || all[index - 1]! < tag));
  assert.deepEqual(last.json().tags, ['t99999']);
});

test('the catalog shows what its caller may read, in byte order over all projects', async (t) => {
  const app = await startApp(t);
  const { as, createProject, createUser } = app;
  for (const [name, isPublic] of [
    ['a', true],
    ['a-b', false],
    ['a.b', false],
    ['ab', true],
  ] as const) {
    await createProject(name, isPublic);
    await pushImage(as('admin'), `${name}/app`, 'v1');
  }
  await createUser('ann', { 'a-b': 3 });
  await createUser('ben');
  await as('admin').post('/v2/a/only-an-upload/blobs/uploads/');

  const list = async (username: string) =>
    (await followLinks(as(username), '/v2/_catalog?n=2')).flat();

  assert.deepEqual(await list('admin'), ['a-b/app', 'a.b/app', 'a/app', 'ab/app']);
  assert.deepEqual(await list('ann'), ['a-b/app', 'a/app', 'ab/app']);
  assert.deepEqual(await list('ben'), ['a/app', 'ab/app']);
  const none = await as('admin').get('/v2/_catalog?n=0');
  assert.deepEqual([none.json().repositories, none.headers.link], [[], undefined]);
});

test('the catalog wants a token with its scope', async () => {
  const app = await shared();
  const wants = /^Bearer realm=".*",service=".*",scope="registry:catalog:\*"/;
  const [catalog, other] = [
    await fetchToken(app, 'admin', 'registry:catalog:*'),
    await fetchToken(app, 'admin', 'repository:library/tags:pull'),
  ];
  const nobody = app.as('anonymous');

  const anonymous = await nobody.get('/v2/_catalog');
  const without = await nobody.get('/v2/_catalog', bearer(other));
  const granted = await nobody.get('/v2/_catalog', bearer(catalog));

  assert.deepEqual([anonymous.statusCode, without.statusCode, granted.statusCode], [401, 401, 200]);
  assert.match(anonymous.headers['www-authenticate'] as string, wants);
  assert.match(without.headers['www-authenticate'] as string, wants);
});
