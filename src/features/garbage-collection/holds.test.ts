import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { sql } from 'kysely';

import { startApp } from '../../../test/harness.ts';
import { beginUpload, listStoredFiles, pushBlob } from '../../../test/harness/registry.ts';
import { collectGarbage, listHolds, releaseHold, renewHold, takeHold } from './index.ts';

const APP = 'library/app';
const BACKUP = { name: 'backup', reason: 'a backup is being taken' };

/** An app whose collector waits for nothing but holds. */
async function start(t: TestContext) {
  const app = await startApp(t, {
    config: ({ gc }) => Object.assign(gc, { grace_seconds: 0, hold_seconds: 0 }),
  });
  const { platform } = app;
  return {
    ...app,
    db: platform.db,
    admin: app.as('admin'),
    collect: () => collectGarbage(platform, new AbortController().signal),
    expire: (name: string) =>
      sql`update collection_hold set expires_at = now() where name = ${name}`.execute(platform.db),
  };
}

test('while something is held no upload is given up, no blob collected, no bytes are removed', async (t) => {
  const app = await start(t);
  await pushBlob(app.admin, APP, 'collected before');
  const { storage } = app.platform;
  const broken = t.mock.method(storage, 'remove', async () => {
    throw new Error('not yet');
  });
  await app.collect();
  broken.mock.restore();
  await sql`update blob_deletion set not_before = now()`.execute(app.db);
  await pushBlob(app.admin, APP, 'to collect');
  await app.admin.patch(await beginUpload(app.admin, APP), Buffer.from('half'));
  await sql`update upload set updated_at = now() - interval '8 days'`.execute(app.db);
  await takeHold(app.db, BACKUP);

  const held = await app.collect();
  const filesHeld = (await listStoredFiles(app)).length;
  await releaseHold(app.db, 'backup');
  const released = await app.collect();

  assert.deepEqual(held, { uploads: 0, blobs: 0, bytes: 0, removed: 0, removed_bytes: 0 });
  assert.equal(filesHeld, 3);
  assert.deepEqual([released.uploads, released.blobs, released.removed], [1, 1, 3]);
  assert.deepEqual(await listStoredFiles(app), []);
});

test('whoever takes a hold waits for what is being removed, and nothing is after that', async (t) => {
  const app = await start(t);
  await sql`insert into blob_deletion (location, size_bytes, not_before)
    select '00/' || gen_random_uuid(), 1, now() from generate_series(1, 250)`.execute(app.db);
  const { promise: mayRemove, resolve: letRemove } = Promise.withResolvers<void>();
  const { promise: isRemoving, resolve: tellRemoving } = Promise.withResolvers<void>();
  let removed = 0;
  t.mock.method(app.platform.storage, 'remove', async () => {
    tellRemoving();
    await mayRemove;
    removed += 1;
  });

  const collecting = app.collect();
  await isRemoving;
  let isTaken = false;
  const taking = takeHold(app.db, BACKUP).then(() => {
    isTaken = true;
    return removed;
  });
  const isWaiting = async () => {
    const { rows } = await sql`
      select from pg_locks where locktype = 'advisory' and not granted
        and database = (select oid from pg_database where datname = current_database())`.execute(
      app.db,
    );
    return rows.length > 0;
  };
  while (!(await isWaiting())) assert.equal(isTaken, false);
  const meanwhile = await app.collect();
  letRemove();
  const removedWhenTaken = await taking;
  const round = await collecting;

  assert.equal(meanwhile.removed, 0, 'another collector does not go before whoever waits');
  assert.deepEqual([removedWhenTaken, round.removed, removed], [100, 100, 100]);
});

test('a hold that was not renewed in time has ended, and can not be renewed', async (t) => {
  const app = await start(t);
  await pushBlob(app.admin, APP, 'lost');
  await takeHold(app.db, { ...BACKUP, expiresInSeconds: 600 });

  const inTime = await renewHold(app.db, { name: 'backup', expiresInSeconds: 1200 });
  const [hold] = await listHolds(app.db);
  const held = await app.collect();
  await app.expire('backup');
  const tooLate = await renewHold(app.db, { name: 'backup', expiresInSeconds: 1200 });
  const expired = await app.collect();

  assert.deepEqual([inTime, tooLate], [true, false]);
  assert.ok(hold!.expires_at!.getTime() - hold!.since.getTime() >= 1_200_000);
  assert.deepEqual([held.blobs, expired.blobs], [0, 1]);
  assert.deepEqual(await listHolds(app.db), []);
});

test('of two who take the same hold one is refused; one that has expired can be taken again', async (t) => {
  const { db, expire } = await start(t);
  const take = (reason: string) =>
    takeHold(db, { name: 'backup', reason, expiresInSeconds: 600 }).then(
      () => 'taken',
      (error: { code: string }) => error.code,
    );

  const both = await Promise.all([take('one'), take('two')]);
  await expire('backup');
  const again = await take('three');

  assert.deepEqual(both.toSorted(), ['CONFLICT', 'taken']);
  assert.equal(again, 'taken');
  assert.deepEqual(
    (await listHolds(db)).map(({ reason }) => reason),
    ['three'],
  );
});

test('any of several holds is enough', async (t) => {
  const app = await start(t);
  await pushBlob(app.admin, APP, 'lost');
  await takeHold(app.db, BACKUP);
  await takeHold(app.db, { name: 'restore', reason: 'a restore was not checked' });

  const first = await releaseHold(app.db, 'backup');
  const held = await app.collect();
  const second = await releaseHold(app.db, 'restore');
  const released = await app.collect();

  assert.deepEqual([first, second, await releaseHold(app.db, 'restore')], [true, true, false]);
  assert.deepEqual([held.blobs, released.blobs], [0, 1]);
});
