import assert from 'node:assert/strict';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { sql } from 'kysely';

import { startApp, type TestApp } from '../../../test/harness.ts';
import { pushBlob } from '../../../test/harness/registry.ts';
import { needsS3, shareS3 } from '../../../test/harness/s3.ts';
import { acceptStore, requireOwnStore } from './index.ts';

const s3 = shareS3();
type Make = (t: TestContext) => Promise<TestApp>;

const drivers: { name: string; needs: object; make: Make }[] = [
  { name: 'folder', needs: {}, make: (t) => startApp(t) },
  {
    name: 's3',
    needs: needsS3,
    async make(t) {
      const bucket = await (await s3()).makeBucket({ prefix: 'team' });
      return startApp(t, { config: (values) => Object.assign(values, { s3: bucket }) });
    },
  },
];

/** Starts a server: on the database of one app and the store of another. */
const begin = ({ platform: { db } }: TestApp, { platform: { storage, config } }: TestApp) =>
  requireOwnStore({ db, storage, config }).then(
    () => 'started',
    (error: Error) => error.message,
  );

for (const { name, needs, make } of drivers) {
  test(
    `${name}: a store is marked at the first start, and known at all others`,
    needs,
    async (t) => {
      const app = await make(t);

      const starts = await Promise.all([begin(app, app), begin(app, app)]);
      await pushBlob(app.as('admin'), 'library/app', 'x');

      assert.deepEqual([...starts, await begin(app, app)], ['started', 'started', 'started']);
    },
  );

  test(`${name}: a store of another database, and an empty one, are refused`, needs, async (t) => {
    const [app, other, empty] = [await make(t), await make(t), await make(t)];
    await begin(app, app);
    await begin(other, other);
    await pushBlob(app.as('admin'), 'library/app', 'x');

    const foreign = await begin(app, other);
    const lacking = await begin(app, empty);
    const fresh = await begin(empty, app);

    assert.match(foreign, /marked as the store of another database/);
    assert.match(lacking, /lacks the mark of this database.*fsck --accept-store/);
    assert.match(fresh, /marked as the store of another database/);
    assert.ok(lacking.includes(name === 's3' ? ', prefix team' : 'blobs'), lacking);
    assert.equal(await begin(app, app), 'started');
  });

  test(
    `${name}: a store that was accepted is the one from then on, and the other is not`,
    needs,
    async (t) => {
      const [app, other] = [await make(t), await make(t)];
      await begin(app, app);
      await begin(other, other);

      await acceptStore({ db: app.platform.db, storage: other.platform.storage });

      assert.equal(await begin(app, other), 'started');
      assert.match(await begin(app, app), /another database/);
      assert.match(await begin(other, other), /another database/);
    },
  );

  test(
    `${name}: a database from before there were marks accepts a store with its blobs only`,
    needs,
    async (t) => {
      const [app, empty] = [await make(t), await make(t)];
      await pushBlob(app.as('admin'), 'library/app', 'x');

      const lacking = await begin(app, empty);
      const right = await begin(app, app);

      assert.match(lacking, /blobs of this database are not in it/);
      assert.equal(right, 'started');
      assert.equal(await begin(app, app), 'started');
    },
  );
}

test('a start that was killed between mark and row does not make the store a foreign one', async (t) => {
  const app = await startApp(t);
  await begin(app, app);
  await sql`update store_mark set is_written = false`.execute(app.platform.db);

  assert.equal(await begin(app, app), 'started');
});

test('a copy of the store is as good as the store', async (t) => {
  const [app, copy] = [await startApp(t), await startApp(t)];
  await begin(app, app);
  await pushBlob(app.as('admin'), 'library/app', 'x');
  const [from, to] = [app, copy].map(({ platform }) => join(platform.config.data, 'blobs'));
  await rm(to!, { recursive: true });
  await cp(from!, to!, { recursive: true });

  assert.equal(await begin(app, copy), 'started');
});
