import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { sql } from 'kysely';

import { subjectOf } from '../../../test/harness/copies.ts';
import { digestToBytes } from '../../oci/digest.ts';
import {
  descriptorOf,
  digestOf,
  mediaType,
  must,
  pushImage,
  putManifest,
} from '../../../test/harness/registry.ts';
import { startApp } from '../../../test/harness.ts';

const API = '/api/v2.0';
const ARTIFACTS = `${API}/projects/library/repositories/app/artifacts`;
const APP = 'library/app';

async function start(t: TestContext) {
  const app = await startApp(t);
  const admin = app.as('admin');
  const pushed = new Map<string, string>();
  const remember = (name: string, { digest }: { digest: string }) => pushed.set(name, digest);
  return {
    ...app,
    admin,
    async push(name: string, tag?: string, also = {}) {
      const image = await pushImage(admin, APP, tag, {
        config: JSON.stringify({ author: name }),
        also,
      });
      remember(name, image);
      return image.bytes;
    },
    async pushIndex(name: string, children: Buffer[], tag?: string, also = {}) {
      const manifests = children.map((child) => descriptorOf(child, mediaType.OCI_IMAGE_MANIFEST));
      const index = { schemaVersion: 2, mediaType: mediaType.OCI_IMAGE_INDEX, manifests, ...also };
      const bytes = Buffer.from(JSON.stringify({ ...index, annotations: { name } }));
      const digest = digestOf(bytes);
      must(await putManifest(admin, APP, tag ?? digest, bytes, mediaType.OCI_IMAGE_INDEX), 201);
      remember(name, { digest });
      return bytes;
    },
    digest: (name: string) => pushed.get(name)!,
    remove: (name: string) => admin.delete(`${ARTIFACTS}/${pushed.get(name)!}`),
    /** The names of what is there. */
    async listThere() {
      const there: string[] = [];
      for (const [name, digest] of pushed) {
        const { statusCode } = await admin.head(`/v2/${APP}/manifests/${digest}`);
        if (statusCode === 200) there.push(name);
      }
      return there.toSorted().join(' ');
    },
    async restoreLast(body = {}) {
      const [deletion] = (await admin.get(`${API}/trash?kind=artifact`)).json();
      return admin.post(`${API}/trash/${deletion.id}/restore`, body);
    },
  };
}

test('with an index goes what it lists, unless that has a tag or another index lists it, and all their signatures', async (t) => {
  const { push, pushIndex, remove, listThere, restoreLast } = await start(t);
  const amd64 = await push('amd64');
  const tagged = await push('tagged', 'keep');
  const shared = await push('shared');
  const signature = await push('signature of amd64', undefined, subjectOf(amd64));
  await push('signature of a signature', 'signed', subjectOf(signature));
  await push('signature of shared', undefined, subjectOf(shared));
  const inner = await pushIndex('inner', [amd64, tagged]);
  const outer = await pushIndex('outer', [inner, shared], 'multi');
  await pushIndex('other', [shared], 'other');
  await push('signature of outer', undefined, subjectOf(outer));
  await push('bystander');
  const all = await listThere();

  const refused = await remove('inner');
  const deleted = await remove('outer');
  const left = await listThere();
  const restored = await restoreLast();

  assert.equal(refused.statusCode, 412);
  assert.equal(refused.json().errors[0].code, 'VIOLATE_FOREIGN_KEY_CONSTRAINT');
  assert.match(refused.body, /referenced by others/);
  assert.deepEqual([deleted.statusCode, deleted.body], [200, '']);
  assert.equal(left, 'bystander other shared signature of shared tagged');
  assert.equal(restored.statusCode, 200, restored.body);
  assert.equal(await listThere(), all);
});

test('an artifact is deleted by any of its tags, with all of them, and restored with them', async (t) => {
  const { admin, push, digest, listThere, restoreLast } = await start(t);
  const bytes = await push('image', 'v1');
  must(await putManifest(admin, APP, 'v2', bytes), 201);
  await push('signature', 'mark', subjectOf(bytes));

  must(await admin.delete(`${ARTIFACTS}/v2`), 200);
  assert.equal(await listThere(), '');
  assert.equal((await admin.delete(`${ARTIFACTS}/v2`)).statusCode, 404);
  assert.equal((await admin.delete(`${ARTIFACTS}/${digest('image')}`)).statusCode, 404);
  const [deletion] = (await admin.get(`${API}/trash`)).json();
  must(await restoreLast(), 200);

  assert.equal(deletion.digest, digest('image'));
  const { tags } = (await admin.get(`/v2/${APP}/tags/list`)).json();
  assert.deepEqual(tags, ['mark', 'v1', 'v2']);
});

test('what a deletion frees is counted once, however many manifests share it', async (t) => {
  const { admin, push, pushIndex, remove } = await start(t);
  const config = JSON.stringify({ author: 'amd64' });
  const amd64 = await push('amd64');
  const arm64 = await push('arm64');
  await push('signature', undefined, { ...subjectOf(amd64), config: descriptorOf(config, 'x/y') });
  await pushIndex('index', [amd64, arm64], 'v1');
  await remove('index');

  const [deletion] = (await admin.get(`${API}/trash`)).json();

  const sizes = ['amd64', 'arm64', 'signature'].map((author) => JSON.stringify({ author }).length);
  assert.equal(deletion.freed_bytes, sizes[0]! + sizes[1]!);
});

test('what was pushed again while it was in the trash gets the tags that come back', async (t) => {
  const { admin, push, pushIndex, remove, restoreLast, listThere, digest } = await start(t);
  const amd64 = await push('amd64');
  const bytes = await pushIndex('index', [amd64], 'v1');
  must(await putManifest(admin, APP, 'v2', bytes, mediaType.OCI_IMAGE_INDEX), 201);
  await push('signature', undefined, subjectOf(bytes));
  await remove('index');
  await push('amd64', 'now');
  await pushIndex('index', [amd64], 'v3');
  await push('other', 'v2');

  const refused = await restoreLast();
  const restored = await restoreLast({ without_used_tags: true });

  assert.equal(refused.statusCode, 409);
  assert.deepEqual(refused.json().errors[0].detail.tags_in_use, ['v2']);
  assert.equal(restored.statusCode, 200, restored.body);
  assert.equal(await listThere(), 'amd64 index other signature');
  const { tags } = (await admin.get(`${ARTIFACTS}/${digest('index')}`)).json();
  assert.deepEqual(tags.map(({ name }: { name: string }) => name).toSorted(), ['v1', 'v3']);
  const trash = (await admin.get(`${API}/trash`)).json();
  assert.deepEqual(
    trash.map(({ name }: { name: string }) => name),
    [`${APP}:v2`],
  );
});

test('a child that gets a tag while its index is deleted stays', async (t) => {
  const { admin, push, pushIndex, remove, digest } = await start(t);
  for (let round = 0; round < 8; round++) {
    const child = await push(`child ${round}`);
    await pushIndex(`index ${round}`, [child], `index-${round}`);

    const [deleted, tagged] = await Promise.all([
      remove(`index ${round}`),
      putManifest(admin, APP, `tag-${round}`, child),
    ]);

    assert.equal(deleted.statusCode, 200);
    assert.equal(tagged.statusCode, 201);
    const found = await admin.get(`/v2/${APP}/manifests/tag-${round}`);
    assert.equal(found.headers['docker-content-digest'], digest(`child ${round}`));
  }
});

test('of two who delete an artifact one finds nothing, and the feed tells of it once', async (t) => {
  const { admin, push, digest, platform } = await start(t);
  const bytes = await push('image', 'v1');
  await push('signature', undefined, subjectOf(bytes));
  const url = `${ARTIFACTS}/${digest('image')}`;

  const replies = await Promise.all([admin.delete(url), admin.delete(url), admin.delete(url)]);

  assert.deepEqual(replies.map(({ statusCode }) => statusCode).toSorted(), [200, 404, 404]);
  const events = await platform.db
    .selectFrom('event_outbox')
    .select('before')
    .where('type', '=', 'artifact.deleted')
    .execute();
  assert.deepEqual(events, [{ before: { tags: ['v1'], also: [digest('signature')] } }]);
});

test('a tag that is moved meanwhile goes to what it is moved to, which stays', async (t) => {
  const { admin, push, digest } = await start(t);
  const other = await push('other');
  for (let round = 0; round < 5; round++) {
    await push(`image ${round}`, 'v1');

    const [deleted] = await Promise.all([
      admin.delete(`${ARTIFACTS}/v1`),
      putManifest(admin, APP, 'v1', other),
    ]);

    // Who deletes later deletes what the tag points to then.
    const isOtherGone = (await admin.head(`/v2/${APP}/manifests/${digest('other')}`)).statusCode;
    const found = await admin.head(`/v2/${APP}/manifests/v1`);
    assert.equal(deleted.statusCode, 200);
    assert.equal(found.statusCode, isOtherGone);
    must(await putManifest(admin, APP, 'other', other), 201);
  }
});

test('an index of 2000 images goes and comes back whole', async (t) => {
  const { admin, platform, push, pushIndex, remove, restoreLast } = await start(t);
  const first = await push('child 0');
  const children = Array.from({ length: 2000 }, (_, number) =>
    Buffer.from(JSON.stringify({ ...JSON.parse(first.toString()), annotations: { number } })),
  );
  await sql`
    insert into manifest (repository_id, project_id, digest, kind, media_type, type, size_bytes)
    select m.repository_id, m.project_id, child.digest, m.kind, m.media_type, m.type, 1
    from manifest m, unnest(${children.map((child) => digestToBytes(digestOf(child)))}::bytea[]) as child (digest)
    on conflict do nothing`.execute(platform.db);
  await pushIndex('index', children, 'v1');
  const count = async () =>
    (await admin.get(`${ARTIFACTS}?q=base%3D*&page_size=1`)).headers['x-total-count'];
  const before = await count();

  must(await remove('index'), 200);
  const after = await count();
  must(await restoreLast(), 200);

  assert.deepEqual([before, after, await count()], ['2002', '1', '2002']);
});
