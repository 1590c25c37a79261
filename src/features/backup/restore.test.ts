import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
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
} from '../../../test/harness/backup.ts';
import { createDatabase } from '../../../test/harness/database.ts';
import { pushImage } from '../../../test/harness/registry.ts';
import { startApp, temporaryFolder } from '../../../test/harness.ts';
import { Secret } from '../../lib/secret.ts';
import { isEmptyDatabase } from '../../platform/db/dump/index.ts';
import { listMigrations, migrate } from '../../platform/db/migrate.ts';
import { createSecretBox } from '../../platform/secret-box.ts';
import { requireMatchingKey } from '../tokens/index.ts';
import { requireSuitable } from './require-suitable.ts';

const APP = 'library/app';

test('a backup of an older version is restored, and brought to this one', async (t) => {
  const { platform } = await startApp(t);
  const migrations = listMigrations();
  const first = migrations.findIndex(({ sql: text }) => text.includes('create table blob ('));
  const last = migrations.length - 1;
  for (const count of [first + 1, Math.floor((first + last) / 2), last]) {
    const address = await createDatabase(t, { isEmpty: true });
    const dir = join(await temporaryFolder(t), 'backups');
    const place = await emptyPlace(t);
    await ask(address, async (db) => {
      await migrate(db, migrations.slice(0, count));
      await sql`insert into project (name, owner_id) values ('old', 1)`.execute(db);
      await backUp({ address, platform: { ...platform, db } }, dir);
    });

    await restoreInto(place, dir);

    await ask(place.address, async (db) => {
      assert.deepEqual(await migrate(db), []);
      const { rows } = await sql`select name from project order by id`.execute(db);
      assert.deepEqual(rows, [{ name: 'library' }, { name: 'old' }]);
      const applied = await sql`select name from migration`.execute(db);
      assert.equal(applied.rows.length, migrations.length);
    });
  }
});

test('a backup of a newer version, or of a changed one, is refused', async (t) => {
  const { place, ...app } = await startWithPlace(t);
  const { db } = app.platform;
  await sql`insert into migration (name, checksum) values ('9999-future', '')`.execute(db);
  await assert.rejects(backUp(app, app.dir), /the database is newer than this program/);
  await sql`delete from migration where name = '9999-future'`.execute(db);
  const { manifest } = await backUp(app, app.dir);
  const wishes = {
    config: app.platform.config,
    secretBox: undefined,
    keepBlobs: false,
    newSecretKey: false,
  } as const;
  const migrations = [...manifest.migrations, { name: '9999-future', checksum: '' }];

  assert.throws(
    () => requireSuitable({ format: 1, ...manifest, migrations, program: '9.9.9' }, wishes),
    /was made by roadstead 9\.9\.9; this is [\d.]+: the database is newer than this program: .*9999-future/,
  );
  assert.ok(await isUntouched(place));
});

test('nothing is restored over something', async (t) => {
  const { place, ...app } = await startWithPlace(t);
  await pushImage(app.admin, APP, '1');
  await backUp(app, app.dir);
  const full = await startApp(t);
  await pushImage(full.as('admin'), APP, 'precious');
  const before = await pullEverything(full);
  const { address, platform } = full;

  await assert.rejects(
    restoreInto({ address, data: platform.config.data }, app.dir),
    /the database is not empty, and nothing is overwritten: .* another data folder/,
  );

  assert.deepEqual(await pullEverything(full), before);
  await assert.rejects(
    restoreInto({ ...place, data: platform.config.data }, app.dir),
    /the store is not empty \(\w\w\/.*--keep-blobs/,
  );
  assert.ok(await ask(place.address, isEmptyDatabase));
  await ask(place.address, (db) => sql`create table of_another_program (id int)`.execute(db));
  await assert.rejects(restoreInto(place, app.dir), /the database is not empty/);
});

test('another secret key than that of the registry is noticed, and one that is lost can be done without', async (t) => {
  const { place, ...app } = await startWithPlace(t);
  const { db, secretBox } = app.platform;
  await requireMatchingKey(db, secretBox);
  await backUp(app, app.dir);
  const other = createSecretBox(new Secret('another key for tests, 32 characters'));
  const lost = await emptyPlace(t);

  await assert.rejects(
    restoreInto(place, app.dir),
    /wants its secret key: put secret\.key .*--new-/,
  );
  await assert.rejects(
    restoreInto(place, app.dir, { secretBox: other }),
    /was made with another secret key than the one here: put secret\.key/,
  );
  assert.ok(await isUntouched(place));
  await restoreInto(place, app.dir, { secretBox });
  await restoreInto(lost, app.dir, { secretBox: other, newSecretKey: true });

  await ask(place.address, (restored) => requireMatchingKey(restored, secretBox));
  await ask(lost.address, (restored) => requireMatchingKey(restored, other));
});

test('with the database alone the blobs stay where they are', async (t) => {
  const { place, ...app } = await startWithPlace(t);
  await pushImage(app.admin, APP, '1', { layers: ['layer'] });
  const { data } = app.platform.config;

  const { manifest } = await backUp(app, app.dir, { content: 'listed' });
  await assert.rejects(restoreInto(place, app.dir), /only lists its blobs: .*--keep-blobs/);
  const damaged = await restoreInto({ ...place, data }, app.dir, { keepBlobs: true });

  assert.deepEqual(damaged, []);
  assert.equal(manifest.blobs.count, 2);
  assert.ok(!(await readdir(app.dir)).includes('blobs'));
  const restored = await startAt(t, { ...place, data });
  assert.deepEqual(await pullEverything(restored), await pullEverything(app));
});

test('numbers that were given away are not given again', async (t) => {
  const { place, ...app } = await startWithPlace(t);
  const { db } = app.platform;
  await app.createProject('last');
  const { rows } = await sql<{
    id: number;
  }>`delete from project where name = 'last' returning id`.execute(db);
  await backUp(app, app.dir);

  await restoreInto(place, app.dir);

  const restored = await startAt(t, place);
  await restored.createProject('next');
  const reply = await restored.as('admin').get('/api/v2.0/projects/next');
  assert.equal(reply.json<{ project_id: number }>().project_id, rows[0]!.id + 1);
});

test('the owner of the database needs no other right', async (t) => {
  const { place, ...app } = await startWithPlace(t);
  await pushImage(app.admin, APP, '1', { layers: ['layer'] });
  await sql`select dispatch_events(1000)`.execute(app.platform.db);
  await backUp(app, app.dir);
  const owner = `owner_${Date.now()}`;
  await ask(place.address, async (db) => {
    await sql`create role ${sql.id(owner)} login`.execute(db);
    await sql`alter database ${sql.id(place.address.database)} owner to ${sql.id(owner)}`.execute(
      db,
    );
  });
  t.after(() =>
    ask({ ...place.address, database: 'postgres' }, (db) =>
      sql`drop role ${sql.id(owner)}`.execute(db),
    ),
  );
  const owned = { ...place, address: { ...place.address, user: owner } };

  assert.deepEqual(await restoreInto(owned, app.dir), []);

  const restored = await startAt(t, owned);
  assert.deepEqual(await pullEverything(restored), await pullEverything(app));
  await backUp(restored, app.dir);
});

test('events of other months have their place', async (t) => {
  const { place, ...app } = await startWithPlace(t);
  const { db } = app.platform;
  await sql`select ensure_event_partition('2020-02-03')`.execute(db);
  await sql`insert into event (seq, type, subject, actor, client, operation, resource_type, resource, occurred_at, recorded_at)
    values (0, 'tag.moved', '{"a": "\\\\\\t"}', 'a', 'c', 'update', 'tag', 'r', '2020-02-03 04:05:06.789', '2020-02-03')`.execute(
    db,
  );
  await pushImage(app.admin, APP, '1');
  await sql`select dispatch_events(1000)`.execute(db);
  await pushImage(app.admin, APP, '2');
  const all = sql<{
    e: string;
  }>`select e::text, e.tableoid::regclass::text as part from event e union all
    select o::text, '' from event_outbox o union all select d::text, '' from event_dispatcher d order by 1`;
  const before = (await all.execute(db)).rows;
  await backUp(app, app.dir);

  await restoreInto(place, app.dir);

  await ask(place.address, async (restored) => {
    const { rows } = await all.execute(restored);
    assert.deepEqual(
      rows.filter(({ e }) => !e.includes('backup.restored')),
      before,
    );
    const dispatched = await sql`select dispatch_events(1000) as count`.execute(restored);
    assert.deepEqual(dispatched.rows, [{ count: 3 }]);
  });
});

test('foreign keys and triggers are as migrations make them', async (t) => {
  const { place, ...app } = await startWithPlace(t);
  await backUp(app, app.dir);
  const shape = sql`
    select conrelid::regclass::text as table, conname, pg_get_constraintdef(oid) as text, convalidated
    from pg_constraint where connamespace = 'public'::regnamespace order by 1, 2`;
  const before = (await shape.execute(app.platform.db)).rows;

  await restoreInto(place, app.dir);

  assert.deepEqual(await ask(place.address, async (db) => (await shape.execute(db)).rows), before);
});
