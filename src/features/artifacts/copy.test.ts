import assert from 'node:assert/strict';
import { before, test } from 'node:test';

import { sql } from 'kysely';

import type { Client } from '../../../test/harness/client.ts';
import {
  artifacts,
  copy,
  image,
  PROJECTS,
  pushIndex,
  subjectOf,
} from '../../../test/harness/copies.ts';
import {
  descriptorOf,
  digestOf,
  mediaType,
  must,
  pushImage,
  putManifest,
} from '../../../test/harness/registry.ts';
import { createRobot, grant } from '../../../test/harness/robots.ts';
import { shareApp } from '../../../test/harness/share-app.ts';
import { startApp, type TestApp } from '../../../test/harness.ts';
import { digestToBytes } from '../../oci/digest.ts';

const share = shareApp();
let app: TestApp;
let admin: Client;

before(async () => {
  app = await share();
  admin = app.as('admin');
  for (const project of ['dev', 'prod']) await app.createProject(project);
});

/** Tags of the artifact, in byte order. */
async function tagsOf(repository: string, digest: string): Promise<string> {
  const { tags } = must(await admin.get(`${artifacts(repository)}/${digest}`), 200).json();
  return ((tags ?? []) as { name: string }[])
    .map(({ name }) => name)
    .toSorted()
    .join(' ');
}

test('an artifact is copied with all its tags, what it lists and every signature, and no byte is moved', async (t) => {
  const amd64 = await pushImage(admin, 'dev/app', undefined, image('amd64'));
  const arm64 = await pushImage(admin, 'dev/app', undefined, image('arm64'));
  const index = await pushIndex(admin, 'dev/app', 'v1', [amd64.bytes, arm64.bytes]);
  must(await putManifest(admin, 'dev/app', 'latest', index.bytes, mediaType.OCI_IMAGE_INDEX), 201);
  const ofChild = await pushImage(admin, 'dev/app', undefined, image('a', subjectOf(amd64.bytes)));
  const signature = await pushImage(
    admin,
    'dev/app',
    undefined,
    image('b', subjectOf(index.bytes)),
  );
  const ofSignature = await pushImage(
    admin,
    'dev/app',
    undefined,
    image('c', subjectOf(signature.bytes)),
  );
  const bystander = await pushImage(admin, 'dev/app', 'other', image('other'));
  const calls = (['writeWhole', 'openWriter', 'readWhole', 'openReader'] as const).map((name) =>
    t.mock.method(app.platform.storage, name),
  );

  const copied = await copy(admin, 'prod/tools/app', 'dev/app:v1');

  assert.deepEqual([copied.statusCode, copied.body], [201, '']);
  assert.equal(copied.headers.location, `${artifacts('prod/tools/app')}/${index.digest}`);
  assert.ok(calls.every(({ mock }) => mock.callCount() === 0));
  assert.equal(await tagsOf('prod/tools/app', index.digest), 'latest v1');
  for (const { digest, bytes } of [amd64, arm64, index, ofChild, signature, ofSignature]) {
    const pulled = must(await admin.get(`/v2/prod/tools/app/manifests/${digest}`), 200);
    assert.equal(pulled.body, bytes.toString());
  }
  for (const content of ['amd64', 'arm64', 'a', 'b', 'c']) {
    const pulled = await admin.get(`/v2/prod/tools/app/blobs/${digestOf(`layer of ${content}`)}`);
    assert.equal(pulled.body, `layer of ${content}`);
  }
  const { statusCode } = await admin.get(`/v2/prod/tools/app/manifests/${bystander.digest}`);
  assert.equal(statusCode, 404);
  const before_ = (await admin.get(`${artifacts('dev/app')}/v1`)).json();
  const after = (await admin.get(`${artifacts('prod/tools/app')}/v1`)).json();
  assert.deepEqual([after.size, after.accessories.length], [before_.size, 1]);
  assert.equal(
    (await admin.get(`${PROJECTS}/prod/repositories/tools%252Fapp`)).json().artifact_count,
    1,
  );
});

test('which tags come along can be chosen, and a copy by digest takes all of them', async () => {
  const { digest, bytes } = await pushImage(admin, 'dev/tags', 'v1', image('tags'));
  for (const tag of ['v1.1', 'latest']) must(await putManifest(admin, 'dev/tags', tag, bytes), 201);
  const rows: [to: string, from: string, also: string, tags: string][] = [
    ['prod/all', `dev/tags@${digest}`, '', 'latest v1 v1.1'],
    ['prod/tag-and-digest', `dev/tags:whatever@${digest}`, '', 'latest v1 v1.1'],
    ['prod/one', 'dev/tags:v1', '&tags=v1', 'v1'],
    ['prod/two', 'dev/tags:v1', '&tags=v1,latest', 'latest v1'],
    ['prod/none', 'dev/tags:v1', '&tags=', ''],
  ];

  for (const [to, from, also, tags] of rows) {
    must(await copy(admin, to, from, also), 201);
    assert.equal(await tagsOf(to, digest), tags, to);
  }
  const wrong = await copy(admin, 'prod/wrong', 'dev/tags:v1', '&tags=v1,v9');
  assert.equal(wrong.statusCode, 400);
  assert.match(wrong.body, /no tag v9/);
  assert.equal((await admin.get(`${PROJECTS}/prod/repositories/wrong`)).statusCode, 404);
});

test('tags that are there already are moved, and what is there already is no harm', async () => {
  const first = await pushImage(admin, 'prod/moved', 'v1', image('first'));
  const second = await pushImage(admin, 'dev/moved', 'v1', image('second'));

  must(await copy(admin, 'prod/moved', 'dev/moved:v1'), 201);
  must(await copy(admin, 'prod/moved', 'dev/moved:v1'), 201);
  must(await copy(admin, 'prod/moved', 'prod/moved:v1'), 201);

  assert.equal(await tagsOf('prod/moved', second.digest), 'v1');
  assert.equal(await tagsOf('prod/moved', first.digest), '');
});

test('rights are needed on both sides, and what one may not see looks like nothing', async () => {
  await app.createProject('secret');
  await app.createUser('both', { dev: 3, prod: 2 });
  await app.createUser('reader', { dev: 3, prod: 3 });
  await app.createUser('writer', { prod: 2 });
  await pushImage(admin, 'dev/rights', 'v1', image('rights'));
  await pushImage(admin, 'secret/app', 'v1', image('secret'));
  const rows: [user: string, from: string, status: number][] = [
    ['both', 'dev/rights:v1', 201],
    ['both', 'dev/rights:v9', 404],
    ['both', 'dev/nothing:v1', 404],
    ['both', 'secret/app:v1', 403],
    ['both', 'nothing/app:v1', 403],
    ['reader', 'dev/rights:v1', 403],
    ['writer', 'dev/rights:v1', 403],
    ['anonymous', 'dev/rights:v1', 401],
    ['admin', 'nothing/app:v1', 404],
  ];

  for (const [user, from, status] of rows) {
    const reply = await copy(app.as(user), 'prod/rights', from);
    assert.equal(reply.statusCode, status, `${user} ${from} ${reply.body}`);
  }
});

test('what is no source or no target is refused', async () => {
  const { bytes } = await pushImage(admin, 'dev/bad', 'v1', image('bad'));
  const signature = await pushImage(admin, 'dev/bad', 'sig', image('sig', subjectOf(bytes)));
  const froms = [
    '',
    'v1',
    'dev/bad',
    'dev:v1',
    'dev/bad:',
    'dev/bad@',
    'dev/bad@sha256:0',
    'dev/BAD:v1',
    'dev/bad:a b',
    'dev/bad:v1\0',
    ':v1',
    'x'.repeat(700),
  ];

  for (const from of froms) {
    const { statusCode } = await copy(admin, 'prod/x', from);
    assert.ok(statusCode === 400 || statusCode === 422, `${from} ${statusCode}`);
  }
  assert.equal((await admin.post(artifacts('prod/x'))).statusCode, 422);
  assert.equal((await copy(admin, 'prod/UPPER', 'dev/bad:v1')).statusCode, 400);
  for (const from of ['dev/bad:sig', `dev/bad@${signature.digest}`]) {
    const reply = await copy(admin, 'prod/x', from);
    assert.equal(reply.statusCode, 403);
    assert.equal(reply.json().errors[0].code, 'DENIED');
  }
});

test('a copy counts towards the quota of its project, whole or not at all', async () => {
  await app.createProject('small');
  const { project_id } = (await admin.get(`${PROJECTS}/small`)).json();
  const [quota] = (
    await admin.get(`/api/v2.0/quotas?reference=project&reference_id=${project_id}`)
  ).json();
  const used = async () => (await admin.get(`/api/v2.0/quotas/${quota.id}`)).json().used.storage;
  const count = async (table: 'blob' | 'manifest' | 'repository_blob') => {
    const { rows } = await sql`select from ${sql.table(table)}`.execute(app.platform.db);
    return rows.length;
  };
  const countAll = () => Promise.all([count('blob'), count('manifest'), count('repository_blob')]);
  const amd64 = await pushImage(admin, 'dev/quota', undefined, image('x'.repeat(1000)));
  const arm64 = await pushImage(admin, 'dev/quota', undefined, image('y'.repeat(1000)));
  const index = await pushIndex(admin, 'dev/quota', 'v1', [amd64.bytes, arm64.bytes]);
  const needed =
    [amd64, arm64, index].reduce((sum, { bytes }) => sum + bytes.length, 0) +
    ['x', 'y'].reduce((sum, letter) => {
      const { config, layers } = image(letter.repeat(1000));
      return sum + config.length + layers[0]!.length;
    }, 0);
  must(await admin.put(`/api/v2.0/quotas/${quota.id}`, { hard: { storage: 4000 } }), 200);
  const before_ = await countAll();

  const refused = await copy(admin, 'small/app', 'dev/quota:v1');
  const nothing = await admin.get(`${PROJECTS}/small/repositories`);
  const left = await countAll();
  must(await admin.put(`/api/v2.0/quotas/${quota.id}`, { hard: { storage: 10_000 } }), 200);
  must(await copy(admin, 'small/app', 'dev/quota:v1'), 201);
  const once = await used();
  must(await copy(admin, 'small/again', 'dev/quota:v1'), 201);

  assert.equal(refused.statusCode, 403);
  assert.equal(refused.json().errors[0].code, 'DENIED');
  assert.deepEqual(refused.json().errors[0].detail, { used: 0, limit: 4000, needed });
  assert.deepEqual(nothing.json(), []);
  assert.deepEqual(left, before_);
  assert.equal(once, needed);
  assert.equal(
    (await used()) - once,
    [amd64, arm64, index].reduce((sum, { bytes }) => sum + bytes.length, 0),
  );
});

test('sparse images are copied as they are, damaged ones are refused', async (t) => {
  const { as, createProject, platform } = await startApp(t, {
    config: (values) => void (values.manifests.allow_missing_blobs = true),
  });
  const client = as('admin');
  for (const project of ['from', 'to']) await createProject(project);
  await pushImage(client, 'from/app', 'whole', image('whole'));
  const sparse = { layers: [descriptorOf('missing', mediaType.OCTET_STREAM)] };
  const { digest } = await pushImage(client, 'from/app', 'sparse', image('sparse', sparse));

  must(await copy(client, 'to/app', 'from/app:sparse'), 201);
  must(
    await client.post(
      `/v2/to/app/blobs/uploads/?digest=${digestOf('missing')}`,
      Buffer.from('missing'),
    ),
    201,
  );
  const { rows } = await sql<{ blobs: number; missing: number }>`
    select (select count(*) from manifest_blob mb where mb.manifest_id = m.id) as blobs,
           (select count(*) from manifest_missing_blob mb where mb.manifest_id = m.id) as missing
    from manifest m join repository r on r.id = m.repository_id where r.name = 'to/app'`.execute(
    platform.db,
  );
  await sql`update blob set damaged_at = now() where size_bytes = ${'layer of whole'.length}`.execute(
    platform.db,
  );
  const damaged = await copy(client, 'to/app', 'from/app:whole');
  await sql`update manifest set damaged_at = now()
    where id in (
      select m.id from manifest m join repository r on r.id = m.repository_id
      where r.name = 'from/app' and m.digest = ${digestToBytes(digest)}
    )`.execute(platform.db);
  const alsoDamaged = await copy(client, 'to/other', 'from/app:sparse');

  assert.deepEqual(rows, [{ blobs: 2, missing: 0 }]);
  assert.equal((await client.get(`/v2/to/app/manifests/${digest}`)).statusCode, 200);
  assert.equal(damaged.statusCode, 412, damaged.body);
  assert.equal((await client.get('/v2/to/app/manifests/whole')).statusCode, 404);
  assert.equal(alsoDamaged.statusCode, 412);
  assert.match(alsoDamaged.body, new RegExp(digest));
});

test('what is copied is in the audit log as what is pushed, with where it came from', async () => {
  const { bytes } = await pushImage(admin, 'dev/told', 'v1', image('told'));
  await pushImage(admin, 'dev/told', 'sig', image('sig of told', subjectOf(bytes)));
  must(await copy(admin, 'prod/told', 'dev/told:v1'), 201);
  must(await copy(admin, 'prod/told', 'dev/told:v1'), 201);

  const { rows } = await sql<{ type: string; after: Record<string, unknown> }>`
    select type, after from event_outbox where subject->>'repository' = 'prod/told' order by id`.execute(
    app.platform.db,
  );

  assert.deepEqual(
    rows.map(({ type }) => type),
    ['tag.moved', 'tag.moved', 'artifact.pushed', 'artifact.pushed'],
  );
  assert.deepEqual(
    rows
      .slice(2)
      .map(({ after }) => after.tags)
      .toSorted(),
    [['sig'], ['v1']],
  );
  assert.ok(rows.slice(2).every(({ after }) => after.copied_from === 'dev/told'));
});

test('signatures keep the tags by which clients find them, whichever tags are wanted', async () => {
  const { digest } = await pushImage(admin, 'dev/signed', 'v1', image('signed'));
  const tag = `sha256-${digest.slice('sha256:'.length)}.sig`;
  const layers = [descriptorOf('signature', 'application/vnd.dev.cosign.simplesigning.v1+json')];
  await pushImage(admin, 'dev/signed', 'other', { layers: ['signature'] });
  const signature = await pushImage(admin, 'dev/signed', tag, { also: { layers } });

  must(await copy(admin, 'prod/signed', 'dev/signed:v1', '&tags='), 201);

  assert.equal(await tagsOf('prod/signed', digest), '');
  assert.equal(await tagsOf('prod/signed', signature.digest), tag);
  const { accessories } = (await admin.get(`${artifacts('prod/signed')}/${digest}`)).json();
  assert.equal(accessories[0].digest, signature.digest);
});

test('a robot copies from where it may pull, to where it may create', async () => {
  await pushImage(admin, 'dev/robots', 'v1', image('robots'));
  const source = [grant('dev', 'artifact:read', 'repository:pull')];
  const target = grant('prod', 'artifact:create');
  const rows: [permissions: ReturnType<typeof grant>[], status: number][] = [
    [[...source, target], 201],
    [[grant('dev', 'artifact:read'), target], 403],
    [[grant('dev', 'repository:pull'), target], 403],
    [[...source, grant('prod', 'artifact:read')], 403],
  ];

  for (const [number, [permissions, status]] of rows.entries()) {
    const robot = await createRobot(app, { name: `copies-${number}`, permissions });
    assert.equal((await copy(robot, 'prod/robots', 'dev/robots:v1')).statusCode, status);
  }
});
