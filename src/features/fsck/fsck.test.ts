import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { sql } from 'kysely';

import { startApp } from '../../../test/harness.ts';
import {
  beginUpload,
  digestOf,
  mediaType,
  must,
  pushBlob,
  pushImage,
  putManifest,
} from '../../../test/harness/registry.ts';
import { needsS3, shareS3 } from '../../../test/harness/s3.ts';
import { clock } from '../../lib/clock.ts';
import { collectGarbage, listHolds, takeHold } from '../garbage-collection/index.ts';
import { checkRegistry, startFigures, type Finding, type FsckOptions } from './index.ts';

const APP = 'library/app';
const LAYER = digestOf('layer');
const OLD = new Date(Date.now() - 2 * 24 * 60 * 60 * 1000);
const s3 = shareS3();

/** An app with an image in a folder or a bucket, whose files can be reached. */
async function start(t: TestContext, driver: 'folder' | 's3') {
  const bucket = driver === 's3' ? await (await s3()).makeBucket({ prefix: 'blobs' }) : undefined;
  const app = await startApp(t, {
    config: (values) => {
      if (bucket !== undefined) values.s3 = bucket;
      values.gc.hold_seconds = 0;
    },
  });
  const { platform } = app;
  const { db } = platform;
  const admin = app.as('admin');
  const root = bucket === undefined ? platform.config.data : (await s3()).folderOf(bucket.bucket!);
  const fileOf = (location: string) => join(root, 'blobs', location);
  await pushImage(admin, APP, 'v1', { layers: ['layer'] });
  const locationOf = async (digest: string) => {
    const { rows } = await sql<{ location: string }>`
      select location from blob where digest_text(digest) = ${digest}`.execute(db);
    return rows[0]!.location;
  };
  return {
    ...app,
    db,
    admin,
    fileOf,
    locationOf,
    storage: platform.storage,
    layerFile: async () => fileOf(await locationOf(LAYER)),
    collect: () => collectGarbage(platform, new AbortController().signal),
    statusOf: async (digest: string) => (await admin.head(`/v2/${APP}/blobs/${digest}`)).statusCode,
    async fsck(options: Partial<FsckOptions> = {}) {
      const findings: Finding[] = [];
      const figures = startFigures();
      const { isReleased } = await checkRegistry(
        platform,
        { verify: false, repair: false, ...options },
        { found: (finding) => findings.push(finding), progress() {}, figures },
        new AbortController().signal,
      );
      return { findings, figures, isReleased, kinds: findings.map(({ kind }) => kind) };
    },
  };
}

type Started = Awaited<ReturnType<typeof start>>;

/** A claim about stores of each kind. */
function testBoth(claim: string, run: (app: Started) => Promise<void>): void {
  test(`folder: ${claim}`, async (t) => run(await start(t, 'folder')));
  test(`s3: ${claim}`, needsS3, async (t) => run(await start(t, 's3')));
}

testBoth('a registry in use is clean, and its hold of a restore ends', async (app) => {
  const { db, admin, fsck } = app;
  await takeHold(db, { name: 'restore', reason: 'test' });
  await takeHold(db, { name: 'other', reason: 'test' });
  await pushBlob(admin, APP, '');
  await pushBlob(admin, APP, randomBytes(9_000_000));
  await pushBlob(admin, APP, randomBytes(1000), 'sha512');
  for (const size of [1000, 9_000_000]) {
    await admin.patch(await beginUpload(admin, APP), randomBytes(size));
  }
  await beginUpload(admin, APP);

  const { findings, figures, isReleased } = await fsck({ verify: true });

  assert.deepEqual(findings, []);
  assert.deepEqual([figures.blobs, figures.verified_blobs, figures.uploads], [5, 5, 2]);
  assert.equal(figures.verified_bytes, 9_001_007);
  assert.equal(figures.verified_manifests, 1);
  assert.equal(isReleased, true);
  assert.deepEqual(
    (await listHolds(db)).map(({ name }) => name),
    ['other'],
  );
});

const DAMAGES: Record<string, { kind: string; damage: (file: string) => Promise<unknown> }> = {
  'is gone': { kind: 'blob-missing', damage: (file) => rm(file) },
  'is cut off': { kind: 'blob-size', damage: (file) => truncate(file, 3) },
  'is longer': { kind: 'blob-size', damage: (file) => truncate(file, 30) },
  'has other bytes': { kind: 'blob-digest', damage: (file) => writeFile(file, 'LAYER') },
};

for (const [what, { kind, damage }] of Object.entries(DAMAGES)) {
  test(`a blob that ${what} is found, goes out of service, and comes back`, async (t) => {
    const { admin, fsck, layerFile, statusOf } = await start(t, 'folder');
    const verify = kind === 'blob-digest';
    await damage(await layerFile());

    const found = await fsck({ verify });
    const before = await statusOf(LAYER);
    const repaired = await fsck({ verify, repair: true });
    const outOfService = await statusOf(LAYER);
    const still = await fsck({ verify });
    await pushBlob(admin, 'library/third', 'layer');
    const pulled = await admin.get(`/v2/${APP}/blobs/${LAYER}`);
    const healed = await fsck({ verify });

    assert.deepEqual([found.kinds, found.figures.repaired], [[kind], 0]);
    assert.deepEqual([repaired.kinds, repaired.figures.repaired], [[kind], 1]);
    assert.deepEqual(still.kinds, ['blob-out-of-service']);
    assert.deepEqual([before, outOfService, pulled.body], [200, 404, 'layer']);
    assert.deepEqual(healed.kinds, []);
  });
}

testBoth('many damaged blobs are told of with their images, and healed by pushes', async (app) => {
  const { admin, db, fsck, fileOf, locationOf, collect } = app;
  const damages = Object.values(DAMAGES);
  const layers = damages.map((_, index) => `lay ${index}`);
  await pushImage(admin, APP, 'v2', { layers });
  await pushImage(admin, 'library/other', 'latest', { layers });
  for (const [index, { damage }] of damages.entries()) {
    await damage(fileOf(await locationOf(digestOf(layers[index]!))));
  }
  await takeHold(db, { name: 'restore', reason: 'test' });

  const repaired = await fsck({ verify: true, repair: true });
  await pushImage(admin, 'library/third', 'v1', { layers });
  await collect(); // held
  const healed = await fsck({ verify: true });

  assert.deepEqual(repaired.kinds.toSorted(), damages.map(({ kind }) => kind).toSorted());
  assert.equal(repaired.figures.repaired, damages.length);
  for (const { affected } of repaired.findings) {
    assert.equal(affected!.total, 2);
    assert.deepEqual(
      affected!.images.map(({ repository, tags }) => [repository, tags]),
      [
        [APP, ['v2']],
        ['library/other', ['latest']],
      ],
    );
  }
  assert.deepEqual([repaired.isReleased, healed.isReleased], [false, true]);
  assert.deepEqual(healed.findings, []);
});

test('without --verify no bytes are read, and other bytes are not found', async (t) => {
  const app = await start(t, 'folder');
  await writeFile(await app.layerFile(), 'LAYER');

  const { findings, figures } = await app.fsck();

  assert.deepEqual([findings, figures.verified_bytes], [[], 0]);
});

test('a blob whose file was put back is back in service after --verify --repair', async (t) => {
  const app = await start(t, 'folder');
  const { fsck, layerFile, statusOf } = app;
  const file = await layerFile();
  const bytes = await readFile(file);
  await rm(file);
  await fsck({ repair: true });
  await writeFile(file, bytes);

  const compared = await fsck({ repair: true });
  const verified = await fsck({ verify: true, repair: true });

  assert.deepEqual([compared.kinds, compared.figures.repaired], [['blob-out-of-service'], 0]);
  assert.deepEqual([verified.kinds, verified.figures.repaired], [['blob-recovered'], 1]);
  assert.equal(await statusOf(LAYER), 200);
  assert.deepEqual((await fsck({ verify: true })).kinds, []);
});

test('an image that only an index has tags for is told of by the tags of the index', async (t) => {
  const app = await start(t, 'folder');
  const { admin, fsck, layerFile } = app;
  const { digest, bytes } = await pushImage(admin, 'library/multi', undefined, {
    layers: ['layer'],
  });
  const manifests = [{ mediaType: mediaType.OCI_IMAGE_MANIFEST, digest, size: bytes.length }];
  const index = { schemaVersion: 2, mediaType: mediaType.OCI_IMAGE_INDEX, manifests };
  must(
    await putManifest(
      admin,
      'library/multi',
      'all',
      Buffer.from(JSON.stringify(index)),
      mediaType.OCI_IMAGE_INDEX,
    ),
    201,
  );
  await rm(await layerFile());

  const { findings } = await fsck();

  const { images, total } = findings[0]!.affected!;
  assert.equal(total, 3);
  assert.deepEqual(
    images.map(({ repository, tags }) => [repository, tags]),
    [
      [APP, ['v1']],
      ['library/multi', ['all']],
      ['library/multi', []],
    ],
  );
});

testBoth(
  'bytes that nothing names are found when they are old, and go after the hold',
  async (app) => {
    const { db, storage, fsck, fileOf, collect } = app;
    const [old, young] = [storage.newLocation(), storage.newLocation()];
    for (const location of [old, young]) await storage.writeWhole(location, Buffer.from('lost'));
    await utimes(fileOf(old), OLD, OLD);

    const found = await fsck();
    const repaired = await fsck({ repair: true });
    const listed = await fsck();
    const { rows } = await sql<{ location: string }>`select location from blob_deletion`.execute(
      db,
    );
    const round = await collect();

    assert.deepEqual(found.kinds, ['orphan']);
    assert.deepEqual([found.findings[0]!.location, found.figures.young_pieces], [old, 1]);
    assert.deepEqual([repaired.figures.repaired, listed.kinds], [1, []]);
    assert.ok(rows[0]!.location.startsWith(old));
    assert.equal(round.removed, 1);
    assert.deepEqual([await storage.findSize(old), await storage.findSize(young)], [undefined, 4]);
  },
);

testBoth('what is in the store and not of our making is told of and left alone', async (app) => {
  const { fsck, fileOf } = app;
  const file = fileOf('3f/.partial-copy');
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, 'x');
  await utimes(file, OLD, OLD);

  const { kinds, findings, figures } = await fsck({ repair: true });

  assert.deepEqual([kinds, figures.repaired], [['foreign-file'], 0]);
  assert.equal(findings[0]!.location, '3f/.partial-copy');
  assert.equal(await readFile(file, 'utf8'), 'x');
});

testBoth('an upload whose bytes are gone is given up by --repair', async (app) => {
  const { admin, fsck, storage, db } = app;
  const paths: string[] = [];
  for (const size of [1000, 9_000_000]) {
    const path = await beginUpload(admin, APP);
    await admin.patch(path, randomBytes(size));
    paths.push(path);
  }
  const { rows } = await sql<{ location: string }>`select location from upload`.execute(db);
  for (const { location } of rows) await storage.remove(location);

  const found = await fsck();
  const repaired = await fsck({ repair: true });

  assert.deepEqual(found.kinds, ['upload-bytes', 'upload-bytes']);
  assert.equal(repaired.figures.repaired, 2);
  for (const path of paths) assert.equal((await admin.get(path)).statusCode, 404);
  assert.deepEqual((await fsck()).kinds, []);
});

test(
  's3: parts that a killed writer left go, the blob of the same upload stays',
  needsS3,
  async (t) => {
    const { admin, fsck, db, storage, collect } = await start(t, 's3');
    const bytes = randomBytes(1000);
    const path = await beginUpload(admin, APP);
    const { rows } = await sql<{ location: string }>`select location from upload`.execute(db);
    const { location } = rows[0]!;
    await admin.patch(path, bytes);
    const writer = await storage.openWriter(location, { sizeBytes: 0, state: null });
    await writer.write(randomBytes(9_000_000));
    await writer.sync();
    must(await admin.put(`${path}?digest=${digestOf(bytes)}`), 201);
    const later = new Date(Date.now() + 3 * 24 * 60 * 60 * 1000);
    t.mock.method(clock, 'now', () => later);

    const found = await fsck();
    const repaired = await fsck({ repair: true });
    await collect();

    assert.deepEqual(found.kinds, ['orphan', 'orphan'], 'the parts, and their tail');
    assert.equal(repaired.figures.repaired, 2);
    const left: string[] = [];
    for await (const stored of storage.list(location.slice(0, 2))) {
      if (stored.writer === location) left.push(stored.location);
    }
    assert.equal(left.length, 1);
    const pulled = await admin.get(`/v2/${APP}/blobs/${digestOf(bytes)}`);
    assert.ok(pulled.rawPayload.equals(bytes));
  },
);
