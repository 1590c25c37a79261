import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { sql } from 'kysely';

import {
  ask,
  backUp,
  emptyPlace,
  isUntouched,
  pullEverything,
  restoreInto,
  startAt,
  startWithPlace,
  type Place,
} from '../../../test/harness/backup.ts';
import { digestOf, must, pushBlob, pushImage } from '../../../test/harness/registry.ts';
import { listHolds } from '../garbage-collection/index.ts';
import { blobPath } from './blob-folder.ts';
import { requireRestored } from './require-restored.ts';

const APP = 'library/app';

const waits = (place: Place) => ask(place.address, requireRestored);

test('damage to any file of the database is found before anything is changed', async (t) => {
  const { place, ...app } = await startWithPlace(t);
  await pushImage(app.admin, APP, '1');
  const { manifest } = await backUp(app, app.dir);
  const folder = join(app.dir, manifest.name);
  const paths = [
    'manifest.json',
    'manifest.json.sha256',
    'blobs.zst',
    ...manifest.tables.map(({ file }) => file.path),
  ];
  assert.ok(paths.length > 15);

  for (const path of paths) {
    const file = join(folder, path);
    const bytes = await readFile(file);
    const damaged = Buffer.from(bytes);
    const middle = Math.floor(bytes.byteLength / 2);
    damaged[middle] = damaged[middle]! ^ 1;
    await writeFile(file, damaged);
    await assert.rejects(
      restoreInto(place, app.dir),
      /manifest\.json is damaged|is damaged: /,
      path,
    );
    await writeFile(file, bytes);
  }
  await rm(join(folder, 'db/tag.copy.zst'));
  await assert.rejects(restoreInto(place, app.dir), /tag\.copy\.zst is damaged: .*ENOENT/);

  assert.ok(await isUntouched(place));
});

test('a blob that is missing in the backup is named before anything is changed', async (t) => {
  const { place, ...app } = await startWithPlace(t);
  await pushImage(app.admin, APP, '1', { layers: ['lost'] });
  await backUp(app, app.dir);
  await rm(blobPath(app.dir, digestOf('lost')));

  const damaged = await restoreInto(place, app.dir);
  const wasUntouched = await isUntouched(place);
  const accepted = await restoreInto(place, app.dir, { withoutDamaged: true });

  assert.deepEqual(
    damaged.map(({ digest }) => digest),
    [digestOf('lost')],
  );
  assert.match(damaged[0]!.reason, /is not there$/);
  assert.ok(wasUntouched);
  assert.equal(accepted.length, 1);
  await waits(place);
  const app2 = await startAt(t, place);
  const restored = app2.as('admin');
  must(await restored.get(`/v2/${APP}/manifests/1`), 200);
  must(await restored.get(`/v2/${APP}/blobs/${digestOf('{}')}`), 200);
  // What is known to be lost is no content of the next backup, and comes back with a push.
  const again = await emptyPlace(t);
  const { manifest } = await backUp(app2, join(app.dir, '..', 'again'));
  await restoreInto(again, join(app.dir, '..', 'again'));
  assert.deepEqual([manifest.blobs.count, manifest.blobs.missing], [1, []]);
  const app3 = await startAt(t, again);
  await pushBlob(app3.as('admin'), APP, 'lost');
  must(await app3.as('admin').get(`/v2/${APP}/blobs/${digestOf('lost')}`), 200);
});

test('a damaged blob keeps a restore from being finished, until the backup has it again', async (t) => {
  const { place, ...app } = await startWithPlace(t);
  await pushImage(app.admin, APP, '1', { layers: ['damaged', 'whole'] });
  app.platform.storage.linkTo = async () => false;
  await backUp(app, app.dir);
  const path = blobPath(app.dir, digestOf('damaged'));
  await writeFile(path, 'DAMAGED');

  const damaged = await restoreInto(place, app.dir);

  assert.match(damaged[0]!.reason, /its bytes have the digest sha256:/);
  assert.equal(damaged.length, 1);
  await assert.rejects(
    waits(place),
    /is not finished; go on with it: roadstead restore \S+ --backup/,
  );
  await writeFile(path, 'damaged');
  assert.deepEqual(await restoreInto(place, app.dir), []);
  await waits(place);
  assert.deepEqual(await pullEverything(await startAt(t, place)), await pullEverything(app));
});

test('a restore that ends while rows come leaves the database empty', async (t) => {
  const { place, ...app } = await startWithPlace(t);
  await pushImage(app.admin, APP, '1');
  await backUp(app, app.dir);
  const stopping = new AbortController();
  const reason = new Error('stopped');
  const progress = { say: (what: string) => what === 'table tag' && stopping.abort(reason) };

  await assert.rejects(
    restoreInto(place, app.dir, { signal: stopping.signal, progress: progress as never }),
    /stopped|aborted/,
  );

  assert.ok(await isUntouched(place));
  assert.deepEqual(await restoreInto(place, app.dir), []);
});

test('a restore that ends while blobs come is gone on with, and its left bytes are listed', async (t) => {
  const { place, ...app } = await startWithPlace(t);
  const layers = Array.from({ length: 40 }, (_, i) => `layer ${i}`);
  await pushImage(app.admin, APP, '1', { layers });
  await backUp(app, app.dir);
  const stopping = new AbortController();
  let count = 0;
  const progress = {
    say() {},
    begin() {},
    end() {},
    add: () => ++count === 10 && stopping.abort(new Error('stopped')),
  };

  await assert.rejects(
    restoreInto(place, app.dir, { signal: stopping.signal, progress: progress as never }),
    /stopped/,
  );
  const left = await ask(place.address, (db) => sql`select from unrestored_blob`.execute(db));
  const holds = await ask(place.address, listHolds);
  await assert.rejects(waits(place), /is not finished/);
  await backUp(app, app.dir);
  await assert.rejects(restoreInto(place, app.dir), /holds an unfinished restore of .*, not of /);
  const [, first] = (await readdir(app.dir)).filter((name) => name.startsWith('2')).toReversed();
  assert.deepEqual(await restoreInto(place, app.dir, { name: first! }), []);

  assert.ok(left.rows.length > 10 && left.rows.length < 41, `${left.rows.length}`);
  assert.deepEqual(
    holds.map(({ name }) => name),
    ['restore'],
  );
  assert.deepEqual(await pullEverything(await startAt(t, place)), await pullEverything(app));
  const files = await readdir(join(place.data, 'blobs'), { recursive: true, withFileTypes: true });
  const known = await ask(place.address, (db) =>
    sql<{
      location: string;
    }>`select location from blob union select location from blob_deletion`.execute(db),
  );
  for (const file of files.filter((entry) => entry.isFile())) {
    assert.ok(known.rows.some(({ location }) => location.endsWith(file.name)));
  }
});

test('of two restores into one database at once one is refused, or both do the same', async (t) => {
  const { place, ...app } = await startWithPlace(t);
  await pushImage(app.admin, APP, '1', { layers: ['a', 'b', 'c'] });
  await backUp(app, app.dir);

  const both = await Promise.allSettled([restoreInto(place, app.dir), restoreInto(place, app.dir)]);

  assert.ok(both.some(({ status }) => status === 'fulfilled'));
  await waits(place);
  assert.deepEqual(await pullEverything(await startAt(t, place)), await pullEverything(app));
});
