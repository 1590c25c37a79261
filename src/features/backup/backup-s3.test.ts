import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import {
  backUp,
  emptyPlace,
  pullEverything,
  restoreInto,
  startAt,
} from '../../../test/harness/backup.ts';
import { pushImage } from '../../../test/harness/registry.ts';
import { needsS3, shareS3 } from '../../../test/harness/s3.ts';
import { startApp, temporaryFolder } from '../../../test/harness.ts';

const APP = 'library/app';
/** Above what is one part of an upload. */
const LARGE_BYTES = 9 * 1024 * 1024;

const shared = shareS3();

async function start(t: TestContext, s3?: Awaited<ReturnType<typeof bucket>>) {
  const app = await startApp(t, {
    config: (values) => {
      if (s3 !== undefined) values.s3 = s3;
    },
  });
  const layers = ['small', '', randomBytes(LARGE_BYTES).toString('latin1')];
  await pushImage(app.as('admin'), APP, '1', { layers });
  return { ...app, dir: join(await temporaryFolder(t), 'backups') };
}

const bucket = async () => (await shared()).makeBucket({ prefix: 'a/prefix' });

test(
  'from a folder to a bucket, from there to another, and back to a folder',
  needsS3,
  async (t) => {
    const app = await start(t);
    const before = await pullEverything(app);
    await backUp(app, app.dir);

    const inBucket = await emptyPlace(t, await bucket());
    await restoreInto(inBucket, app.dir);
    const second = await startAt(t, inBucket);
    assert.deepEqual(await pullEverything(second), before);

    await pushImage(second.as('admin'), APP, '2', { layers: ['new'] });
    const { manifest } = await backUp(second, app.dir);
    const inOther = await emptyPlace(t, await bucket());
    await restoreInto(inOther, app.dir);
    const third = await startAt(t, inOther);
    assert.equal(manifest.blobs.store, 's3');
    assert.equal(manifest.blobs.new_count, 1, 'content has the same name wherever it was');
    assert.deepEqual(await pullEverything(third), await pullEverything(second));

    await backUp(third, app.dir);
    const inFolder = await emptyPlace(t);
    await restoreInto(inFolder, app.dir);
    const last = await startAt(t, inFolder);
    assert.deepEqual(await pullEverything(last), await pullEverything(second));
    await pushImage(last.as('admin'), APP, '3', { layers: ['newer', 'small'] });
  },
);

test(
  'blobs of a bucket stay where they are, but in a folder they could not be used',
  needsS3,
  async (t) => {
    const s3 = await bucket();
    const app = await start(t, s3);
    await backUp(app, app.dir);
    const place = await emptyPlace(t, s3);

    await assert.rejects(
      restoreInto(place, app.dir),
      /the store is not empty \(.*\)\. If its blobs are those of the backup.*: --keep-blobs/,
    );
    await assert.rejects(
      restoreInto({ ...place, s3: undefined }, app.dir, { keepBlobs: true }),
      /blobs of a bucket cannot be used as they are in a folder/,
    );
    await restoreInto(place, app.dir, { keepBlobs: true });

    assert.deepEqual(await pullEverything(await startAt(t, place)), await pullEverything(app));
  },
);

test(
  'a restore into a bucket that ends half-way leaves nothing that is not listed',
  needsS3,
  async (t) => {
    const app = await start(t);
    await backUp(app, app.dir);
    const s3 = await bucket();
    const place = await emptyPlace(t, s3);
    const stopping = new AbortController();
    const progress = {
      say() {},
      begin() {},
      end() {},
      add: () => stopping.abort(new Error('stop')),
    };

    await assert.rejects(
      restoreInto(place, app.dir, { signal: stopping.signal, progress: progress as never }),
      /stop/,
    );
    assert.deepEqual(await restoreInto(place, app.dir), []);

    const restored = await startAt(t, place);
    assert.deepEqual(await pullEverything(restored), await pullEverything(app));
    const listed = await restored.platform.db
      .selectFrom('blob')
      .select('location')
      .union(restored.platform.db.selectFrom('blob_deletion').select('location'))
      .execute();
    const known = listed.map(({ location }) => location.split('/')[1]!.split('.')[0]);
    for (const file of await (await shared()).listFiles(s3.bucket!)) {
      assert.ok(known.includes(file.split('.')[0]), file);
    }
  },
);
