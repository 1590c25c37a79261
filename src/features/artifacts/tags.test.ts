import assert from 'node:assert/strict';
import { before, test } from 'node:test';

import { sql } from 'kysely';

import { must, pushImage } from '../../../test/harness/registry.ts';
import { shareApp } from '../../../test/harness/share-app.ts';
import type { Client } from '../../../test/harness/client.ts';
import type { TestApp } from '../../../test/harness.ts';
import { dispatching } from '../../platform/events/index.ts';

const share = shareApp();
let app: TestApp;
let admin: Client;

before(async () => {
  app = await share();
  admin = app.as('admin');
});

/** An image of its own in a repository; answers the path of its tags, and its digest. */
async function push(name: string, tag = 'v1') {
  const repository = `library/${name}`;
  const { digest } = await pushImage(admin, repository, tag, {
    config: JSON.stringify({ os: `${name} ${tag}` }),
  });
  const artifacts = `/api/v2.0/projects/library/repositories/${name}/artifacts`;
  return { digest, repository, artifacts, tags: `${artifacts}/${digest}/tags` };
}

interface Tag {
  name: string;
  immutable: boolean;
}

async function list(url: string): Promise<string> {
  const tags = must(await admin.get(url), 200).json<Tag[]>();
  assert.ok(tags.every(({ immutable }) => !immutable));
  return tags.map(({ name }) => name).join(' ');
}

test('a tag is given to an artifact, and taken away again', async () => {
  const { artifacts, tags, digest } = await push('made');

  const made = await admin.post(tags, { name: 'v2' });
  const found = await admin.get(`${artifacts}/v2`);
  const gone = await admin.delete(`${artifacts}/v2/tags/v2`);

  assert.deepEqual([made.statusCode, made.body], [201, '']);
  assert.equal(made.headers.location, `${tags}/v2`);
  assert.equal(found.json().digest, digest);
  assert.deepEqual([gone.statusCode, gone.body], [200, '']);
  assert.equal((await admin.get(`${artifacts}/v2`)).statusCode, 404);
  assert.equal((await admin.delete(`${artifacts}/v1/tags/v2`)).statusCode, 404);
  assert.equal(await list(tags), 'v1');
});

test('a name in use is a conflict, unless the tag shall be moved', async () => {
  const first = await push('moved', 'v1');
  const second = await push('moved', 'v2');

  const refused = await admin.post(second.tags, { name: 'v1' });
  const same = await admin.post(first.tags, { name: 'v1' });
  const before_ = await admin.get(`${first.artifacts}/v1`);
  const moved = await admin.post(`${second.tags}?move=true`, { name: 'v1' });
  const again = await admin.post(`${second.tags}?move=true`, { name: 'v1' });

  for (const reply of [refused, same]) {
    assert.equal(reply.statusCode, 409);
    assert.equal(reply.json().errors[0].code, 'CONFLICT');
  }
  assert.equal(before_.json().digest, first.digest);
  assert.deepEqual([moved.statusCode, again.statusCode], [201, 201]);
  assert.equal((await admin.get(`${first.artifacts}/v1`)).json().digest, second.digest);
  const { rows } = await sql<{ name: string }>`
    select h.name from tag_history h join repository r on r.id = h.repository_id
    where r.name = ${first.repository} order by h.id`.execute(app.platform.db);
  assert.deepEqual(
    rows.map(({ name }) => name),
    ['v1', 'v2', 'v1'],
  );
});

test('of several who make the same tag at once one makes it, and all who move it do', async () => {
  const { tags } = await push('race');
  const other = await push('race', 'other');

  const made = await Promise.all(
    [tags, other.tags, tags, other.tags].map((path) => admin.post(path, { name: 'new' })),
  );
  const moved = await Promise.all(
    [tags, other.tags, tags, other.tags].map((path) =>
      admin.post(`${path}?move=true`, { name: 'new' }),
    ),
  );

  const statuses = made.map(({ statusCode }) => statusCode).toSorted();
  assert.deepEqual(statuses, [201, 409, 409, 409]);
  assert.ok(moved.every(({ statusCode }) => statusCode === 201));
});

test('a tag is deleted only as one of the artifact it is on', async () => {
  const first = await push('mine', 'v1');
  const second = await push('mine', 'v2');

  assert.equal((await admin.delete(`${first.tags}/v2`)).statusCode, 404);
  assert.equal((await admin.delete(`${first.artifacts}/v9/tags/v1`)).statusCode, 404);
  assert.equal((await admin.delete(`${first.tags}/v1`)).statusCode, 200);

  assert.equal(await list(second.tags), 'v2');
  assert.equal((await admin.get(`${first.artifacts}/${first.digest}`)).json().tags, null);
});

test('what is no tag is refused', async () => {
  const { tags, artifacts } = await push('bad');
  for (const name of ['', '.x', '-x', 'a b', 'a/b', 'x'.repeat(129), 'sha256:0', '\0', 'ä']) {
    const reply = await admin.post(tags, { name });
    assert.equal(reply.statusCode, 400, JSON.stringify(name));
    assert.equal(reply.json().errors[0].code, 'BAD_REQUEST');
  }
  assert.equal((await admin.post(tags, {})).statusCode, 400);
  assert.equal((await admin.post(tags, { name: 1 })).statusCode, 422);
  assert.equal((await admin.post(`${artifacts}/nothing/tags`, { name: 'x' })).statusCode, 404);
  assert.equal((await admin.delete(`${tags}/%00`)).statusCode, 400);
});

test('the tags of an artifact are listed the youngest first, filtered, sorted, and by name from any of them on', async () => {
  const { tags } = await push('many', 'b');
  for (const name of ['d', 'a', 'c']) must(await admin.post(tags, { name }), 201);
  const rows: [query: string, names: string][] = [
    ['', 'c a d b'],
    ['sort=name', 'a b c d'],
    ['sort=-name', 'd c b a'],
    ['q=name%3Da', 'a'],
    ['q=name%3D~B', 'b'],
    ['page_size=3&page=2', 'b'],
    ['after=', 'a b c d'],
    ['after=b', 'c d'],
    ['after=&page_size=2', 'a b'],
    ['after=zzz', ''],
    ['after=a&q=name%3D{a c d}', 'c d'],
  ];

  for (const [query, names] of rows) {
    assert.equal(await list(`${tags}?${encodeURI(query).replaceAll('%25', '%')}`), names, query);
  }
  const seen: string[] = [];
  let url = `${tags}?after=&page_size=3`;
  while (url !== '') {
    const reply = must(await admin.get(url), 200);
    seen.push(...reply.json<Tag[]>().map(({ name }) => name));
    assert.equal(reply.headers['x-total-count'], '4');
    url = /<([^>]+)>; rel="next"/.exec(String(reply.headers.link))?.[1] ?? '';
  }
  assert.equal(seen.join(' '), 'a b c d');
  assert.equal((await admin.get(`${tags}?after=%00`)).statusCode, 400);
});

test('tags that are made, moved and deleted are in the audit log', async () => {
  const { tags, repository } = await push('told');
  await admin.post(tags, { name: 'v2' });
  await admin.delete(`${tags}/v2`);
  await dispatching.run(app.platform, new AbortController().signal);

  const log = await admin.get(`/api/v2.0/auditlog-exts?page_size=2&q=resource%3D${repository}:v2`);

  assert.deepEqual(
    log
      .json<{ operation: string; resource_type: string }[]>()
      .map(({ operation, resource_type }) => `${operation} ${resource_type}`),
    ['delete tag', 'create tag'],
  );
});

test('an artifact with very many tags is told of with the youngest, and its tags have pages', async () => {
  const { tags, repository, digest, artifacts } = await push('huge');
  await sql`
    insert into tag (repository_id, name, manifest_id, pushed_at)
    select m.repository_id, 't' || n, m.id, now() + make_interval(secs => n)
    from live_manifest m join repository r on r.id = m.repository_id, generate_series(1, 2000) n
    where r.name = ${repository}`.execute(app.platform.db);

  const { tags: told } = (await admin.get(`${artifacts}/${digest}`)).json();
  const page = await admin.get(`${tags}?page=20&page_size=100&sort=name`);

  assert.equal(told.length, 250);
  assert.equal(told[0].name, 't2000');
  assert.equal(page.headers['x-total-count'], '2001');
  assert.equal(page.json().length, 100);
});
