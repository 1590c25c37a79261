import assert from 'node:assert/strict';
import { before, test } from 'node:test';

import { sql } from 'kysely';

import type { Client } from '../../../test/harness/client.ts';
import { artifacts, copy, image, PROJECTS, pushIndex } from '../../../test/harness/copies.ts';
import { digestOf, must, pushImage } from '../../../test/harness/registry.ts';
import { shareApp } from '../../../test/harness/share-app.ts';
import type { TestApp } from '../../../test/harness.ts';
import { digestToBytes } from '../../oci/digest.ts';

const share = shareApp();
let app: TestApp;
let admin: Client;

before(async () => {
  app = await share();
  admin = app.as('admin');
  for (const project of ['dev', 'prod']) await app.createProject(project);
});

test('a copy is whole or nothing while its source is deleted, and its target too', async () => {
  for (const project of ['from', 'to']) await app.createProject(project);
  for (let round = 0; round < 10; round++) {
    const child = await pushImage(admin, 'from/app', undefined, image(`child ${round}`));
    const { digest } = await pushIndex(admin, 'from/app', `v${round}`, [child.bytes]);

    const [copied] = await Promise.all([
      copy(admin, 'to/app', `from/app@${digest}`),
      admin.delete(`${artifacts('from/app')}/${digest}`),
      round % 3 === 2 ? admin.delete(`${PROJECTS}/to/repositories/app`) : undefined,
    ]);

    const pulled = await admin.get(`/v2/to/app/manifests/${digest}`);
    const layer = await admin.get(`/v2/to/app/blobs/${digestOf(`layer of child ${round}`)}`);
    assert.ok([201, 404].includes(copied.statusCode), copied.body);
    if (copied.statusCode === 404) assert.equal(pulled.statusCode, 404);
    if (pulled.statusCode === 200) assert.equal(layer.statusCode, 200);
    if (copied.statusCode === 201 && round % 3 !== 2) assert.equal(pulled.statusCode, 200);
  }
});

test('copies to and fro at once do not wait for each other in a circle', async () => {
  for (const project of ['a', 'b']) {
    await app.createProject(project);
    for (let n = 0; n < 4; n++) {
      await pushImage(admin, `${project}/app`, `v${n}`, image(`${project}${n}`));
    }
  }

  const replies = await Promise.all(
    [0, 1, 2, 3].flatMap((n) => [
      copy(admin, 'b/app', `a/app:v${n}`),
      copy(admin, 'a/app', `b/app:v${n}`),
    ]),
  );

  assert.ok(replies.every(({ statusCode }) => statusCode === 201 || statusCode === 404));
});

test('nothing is copied into a project that is read-only, or is deleted meanwhile', async () => {
  await pushImage(admin, 'dev/still', 'v1', image('still'));
  await app.createProject('still');
  must(await admin.put(`${PROJECTS}/still`, { metadata: { read_only: 'true' } }), 200);
  const refused = await copy(admin, 'still/app', 'dev/still:v1');
  assert.deepEqual([refused.statusCode, refused.json().errors[0].code], [403, 'DENIED']);

  for (let round = 0; round < 5; round++) {
    await app.createProject(`going${round}`);
    const [copied] = await Promise.all([
      copy(admin, `going${round}/app`, 'dev/still:v1'),
      admin.delete(`${PROJECTS}/going${round}`),
    ]);
    assert.ok([201, 404].includes(copied.statusCode), copied.body);
    const pulled = await admin.get(`/v2/going${round}/app/manifests/v1`);
    if (pulled.statusCode === 200) assert.equal(copied.statusCode, 201);
  }
});

test('an index of 3000 images is copied whole, and a cycle of signatures ends', async () => {
  const children = Array.from({ length: 3000 }, (_, number) => Buffer.from(`{"n":${number}}`));
  const first = await pushImage(admin, 'dev/large', 'first', image('large'));
  await sql`
    with added as (
      insert into manifest (repository_id, project_id, digest, kind, media_type, type, size_bytes)
      select m.repository_id, m.project_id, child.digest, m.kind, m.media_type, m.type, 10
      from manifest m, unnest(${children.map((child) => digestToBytes(digestOf(child)))}::bytea[]) as child (digest)
      where m.digest = ${digestToBytes(first.digest)}
      returning id
    )
    insert into manifest_bytes (manifest_id, bytes) select id, 'x' from added`.execute(
    app.platform.db,
  );
  const index = await pushIndex(admin, 'dev/large', 'v1', children);
  await sql`update manifest set accessory_of = ${digestToBytes(index.digest)}, accessory_type = 'subject.accessory'
    where digest = ${digestToBytes(digestOf(children[0]!))}`.execute(app.platform.db);

  must(await copy(admin, 'prod/large', 'dev/large:v1'), 201);

  const { rows } = await sql`select from manifest m join repository r on r.id = m.repository_id
    where r.name = 'prod/large'`.execute(app.platform.db);
  assert.equal(rows.length, 3001);
});
