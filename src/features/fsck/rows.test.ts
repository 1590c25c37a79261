import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { sql } from 'kysely';

import { startApp } from '../../../test/harness.ts';
import {
  imageManifest,
  mediaType,
  must,
  pushImage,
  putManifest,
} from '../../../test/harness/registry.ts';
import { checkRegistry, startFigures, type Finding, type FsckOptions } from './index.ts';

const APP = 'library/app';
const OTHER = 'library/other';
const IMAGE = { layers: ['layer'] };

async function start(t: TestContext) {
  const app = await startApp(t);
  const { db } = app.platform;
  const admin = app.as('admin');
  const { digest, bytes } = await pushImage(admin, APP, 'v1', IMAGE);
  return {
    admin,
    db,
    digest,
    bytes,
    run: (text: string) => sql.raw(text).execute(db),
    get: (repository: string, reference: string) =>
      admin.get(`/v2/${repository}/manifests/${reference}`),
    async fsck(options: Partial<FsckOptions> = {}) {
      const findings: Finding[] = [];
      const figures = startFigures();
      await checkRegistry(
        app.platform,
        { verify: true, repair: false, ...options },
        { found: (finding) => findings.push(finding), progress() {}, figures },
        new AbortController().signal,
      );
      return { findings, figures, kinds: findings.map(({ kind }) => kind) };
    },
  };
}

const inRepository = (name: string) => `(select id from repository where name = '${name}')`;

test('a damaged manifest is healed from another repository that has it', async (t) => {
  const { admin, run, get, bytes, fsck } = await start(t);
  await pushImage(admin, OTHER, 'v1', IMAGE);
  await run(`update manifest_bytes set bytes = overlay(bytes placing 'x' from 5)
    where manifest_id = (select id from manifest where repository_id = ${inRepository(APP)})`);

  const found = await fsck();
  const repaired = await fsck({ repair: true });
  const clean = await fsck();

  assert.deepEqual(found.kinds, ['manifest-bytes']);
  assert.deepEqual(found.findings[0]!.affected!.images[0]!.tags, ['v1']);
  assert.deepEqual([repaired.figures.repaired, clean.kinds], [1, []]);
  assert.ok((await get(APP, 'v1')).rawPayload.equals(bytes));
});

for (const [what, damage] of [
  ['other bytes', "update manifest_bytes set bytes = '{}'"],
  ['no bytes', 'delete from manifest_bytes'],
] as const) {
  test(`a manifest with ${what} that nobody else has goes out of service until it is pushed`, async (t) => {
    const { admin, run, get, bytes, digest, fsck } = await start(t);
    await run(damage);

    const repaired = await fsck({ repair: true });
    const still = await fsck({ repair: true });
    const outOfService = await get(APP, 'v1');
    await putManifest(admin, APP, digest, bytes);
    const clean = await fsck();

    assert.deepEqual([repaired.kinds, repaired.figures.repaired], [['manifest-bytes'], 1]);
    assert.deepEqual([still.kinds, still.figures.repaired], [['manifest-out-of-service'], 0]);
    assert.deepEqual(still.findings[0]!.affected!.images[0]!.tags, ['v1']);
    assert.equal(outOfService.statusCode, 404);
    assert.deepEqual(clean.kinds, []);
    assert.ok((await get(APP, 'v1')).rawPayload.equals(bytes));
  });
}

test('what the rows of a manifest lack is written anew, and counts for its project', async (t) => {
  const { admin, run, db, digest, bytes, fsck } = await start(t);
  const listed = { mediaType: mediaType.OCI_IMAGE_MANIFEST, digest, size: bytes.length };
  const index = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: mediaType.OCI_IMAGE_INDEX, manifests: [listed] }),
  );
  must(await putManifest(admin, APP, 'all', index, mediaType.OCI_IMAGE_INDEX), 201);
  const subject = { ...listed };
  must(await putManifest(admin, APP, 'sig', imageManifest({ also: { subject } })), 201);
  const rowsOf = async () => {
    const tables = ['manifest_blob', 'manifest_child', 'project_blob', 'repository_blob'];
    const counts = tables.map((table) => `(select count(*) from ${table}) as ${table}`);
    const { rows } = await sql
      .raw(`select ${counts.join(', ')}, (select count(*) from manifest
      where subject_digest is not null) as subjects`)
      .execute(db);
    return rows[0];
  };
  const before = await rowsOf();
  await run('delete from manifest_blob');
  await run('delete from manifest_child');
  await run('update manifest set subject_digest = null');

  const found = await fsck();
  const repaired = await fsck({ repair: true });
  const after = await rowsOf();

  assert.deepEqual(found.kinds.filter((kind) => kind === 'manifest-references').length, 3);
  assert.match(found.findings.at(-1)!.note!, /in library\/app: no rows for sha256:/);
  assert.equal(repaired.figures.repaired, repaired.findings.length);
  assert.deepEqual(after, before);
  assert.deepEqual((await fsck()).kinds, []);
});

test('a blob that is gone counts as missing where a manifest needs it, and comes back when it is pushed', async (t) => {
  const { admin, run, get, fsck } = await start(t);
  for (const table of ['manifest_blob', 'project_blob', 'repository_blob']) {
    await run(`delete from ${table} where blob_id = (select id from blob where size_bytes = 5)`);
  }
  await run('delete from blob where size_bytes = 5');
  await run('delete from blob_candidate');

  const repaired = await fsck({ repair: true });
  await pushImage(admin, APP, 'v1', IMAGE);
  await fsck({ repair: true });

  assert.ok(repaired.kinds.includes('manifest-references'), repaired.kinds.join());
  assert.deepEqual((await fsck()).kinds, []);
  assert.equal((await get(APP, 'v1')).statusCode, 200);
});

const CONTRADICTIONS: Record<string, { kind: string; damage: string; isRepaired: boolean }> = {
  'a tag whose artifact was pushed again': {
    kind: 'tag-target',
    damage: `
      insert into manifest (repository_id, project_id, digest, kind, media_type, size_bytes, deleted_at)
        select repository_id, project_id, digest, kind, media_type, 0, now() from manifest;
      update tag set manifest_id = (select id from manifest where deleted_at is not null)`,
    isRepaired: true,
  },
  'a tag whose artifact is in the trash': {
    kind: 'tag-target',
    damage: 'update manifest set deleted_at = now()',
    isRepaired: false,
  },
  'a blob that nothing uses, and that is no candidate': {
    kind: 'blob-forgotten',
    damage: `
      insert into blob (digest, size_bytes, location)
        values ('\\x01' || sha256('x'), 0, '00/' || gen_random_uuid());
      update blob set damaged_at = now() where size_bytes = 0;
      insert into repository_blob (repository_id, blob_id)
        select (select id from repository), id from blob where size_bytes = 0`,
    isRepaired: true,
  },
  'a used blob that is listed for removal': {
    kind: 'deletion-of-used',
    damage: `insert into blob_deletion (location, size_bytes, not_before)
      select location, size_bytes, now() + interval '1 day' from blob`,
    isRepaired: true,
  },
  'a repository that is not shown': {
    kind: 'repository-hidden',
    damage: 'update repository set first_pushed_at = null',
    isRepaired: true,
  },
  'a project whose usage is wrong': {
    kind: 'project-usage',
    damage: 'update project_usage set bytes = bytes + 7',
    isRepaired: true,
  },
  'a manifest of another project than its repository': {
    kind: 'row-mismatch',
    damage: `
      insert into project (name, owner_id) select 'elsewhere', owner_id from project limit 1;
      update manifest set project_id = (select id from project where name = 'elsewhere')`,
    isRepaired: false,
  },
};

for (const [what, { kind, damage, isRepaired }] of Object.entries(CONTRADICTIONS)) {
  test(`${what} is found, and ${isRepaired ? 'repaired' : 'only told of'}`, async (t) => {
    const { run, fsck } = await start(t);
    await run(damage);
    const count = (found: { kinds: string[] }) =>
      found.kinds.filter((each) => each === kind).length;

    const found = await fsck({ verify: false });
    const repaired = await fsck({ verify: false, repair: true });
    const after = await fsck({ verify: false });

    assert.ok(count(found) > 0, found.kinds.join());
    for (const finding of repaired.findings.filter((each) => each.kind === kind)) {
      assert.equal(finding.isRepaired, isRepaired);
    }
    assert.equal(count(after) === 0, isRepaired, after.kinds.join());
  });
}
