import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { sql } from 'kysely';

import { startApp } from '../../../test/harness.ts';
import { digestOf, imageManifest, pushImage, putManifest } from '../../../test/harness/registry.ts';
import { dispatchEvents, emit, findEventLag } from './store.ts';

interface Row {
  seq: number;
  type: string;
  subject: Record<string, string>;
  before: object | null;
  after: Record<string, unknown> | null;
  actor: string;
}

async function start(t: TestContext) {
  const app = await startApp(t);
  const { db } = app.platform;
  return {
    ...app,
    db,
    admin: app.as('admin'),
    async readFeed(): Promise<Row[]> {
      while ((await dispatchEvents(db, 100)) > 0);
      const { rows } = await sql<Row>`
        select seq, type, subject, before, after, actor from event order by seq`.execute(db);
      return rows;
    },
  };
}

const told = (number: number) => ({
  type: 'project.updated' as const,
  subject: { project: String(number) },
  actor: 'ann',
  client: 'test',
});

test('a push tells of the artifact and of each tag it moved; one that changes nothing of nothing', async (t) => {
  const { admin, readFeed } = await start(t);
  const first = await pushImage(admin, 'library/app', 'v1');
  const bytes = imageManifest({ also: { annotations: { a: 'b' } } });

  await putManifest(admin, 'library/app', 'v1', bytes);
  await putManifest(admin, 'library/app', 'v1', bytes);
  const events = await readFeed();

  const repository = 'library/app';
  const second = digestOf(bytes);
  assert.deepEqual(
    events.map(({ type, subject, before }) => ({ type, subject, before })),
    [
      { type: 'tag.moved', subject: { repository, tag: 'v1' }, before: { digest: null } },
      { type: 'artifact.pushed', subject: { repository, digest: first.digest }, before: null },
      { type: 'tag.moved', subject: { repository, tag: 'v1' }, before: { digest: first.digest } },
      { type: 'artifact.pushed', subject: { repository, digest: second }, before: null },
    ],
  );
  assert.deepEqual(events[2]!.after, { digest: second });
  assert.deepEqual(events[3]!.after!.tags, ['v1']);
  assert.ok(events.every(({ actor }) => actor === 'admin'));
});

test('what is refused tells of nothing, what is deleted is told of', async (t) => {
  const { admin, readFeed } = await start(t);
  const { digest } = await pushImage(admin, 'library/app', 'v1');
  const { length } = await readFeed();

  const refused = await putManifest(admin, 'library/app', 'v2', imageManifest({ layers: ['no'] }));
  await admin.delete('/v2/library/app/manifests/v1');
  await admin.delete('/v2/library/app/manifests/v1');
  await admin.delete(`/v2/library/app/manifests/${digest}`);
  await admin.delete('/api/v2.0/projects/library/repositories/app');
  const events = (await readFeed()).slice(length);

  assert.equal(refused.statusCode, 404);
  assert.deepEqual(
    events.map(({ type, before }) => ({ type, before })),
    [
      { type: 'tag.deleted', before: { digest } },
      { type: 'artifact.deleted', before: { tags: [] } },
      { type: 'repository.deleted', before: null },
    ],
  );
});

test('the feed has no gap, whatever order transactions commit in and however many dispatch', async (t) => {
  const { db, readFeed } = await start(t);
  const long = await db.startTransaction().execute();
  await emit(long, told(0));
  for (let number = 1; number <= 50; number++) await emit(db, told(number));
  await assert.rejects(
    db.transaction().execute(async (tx) => {
      await emit(tx, told(999));
      throw new Error('rolled back');
    }),
  );

  const counts = await Promise.all(Array.from({ length: 4 }, () => dispatchEvents(db, 20)));
  const whileLong = await readFeed();
  const lag = await findEventLag(db);
  await long.commit().execute();
  const all = await readFeed();

  assert.ok(counts.some((count) => count > 0));
  assert.deepEqual([whileLong.length, lag], [50, 0]);
  assert.deepEqual(
    all.map(({ seq }) => seq),
    Array.from({ length: 51 }, (_, index) => index + 1),
  );
  assert.equal(all.at(-1)!.subject.project, '0');
  assert.equal(await findEventLag(db), 0);
});

test('a dispatcher that dies in the middle leaves every event where it was', async (t) => {
  const { db, readFeed } = await start(t);
  for (let number = 0; number < 5; number++) await emit(db, told(number));
  const dying = await db.startTransaction().execute();
  await dispatchEvents(dying, 3);
  await dying.rollback().execute();

  const events = await readFeed();

  assert.deepEqual(
    events.map(({ subject }) => subject.project),
    ['0', '1', '2', '3', '4'],
  );
});

test('each month has a partition of its own', async (t) => {
  const { db } = await start(t);
  for (const time of ['2026-12-31T23:59:59Z', '2027-01-01T00:00:00Z', '2027-01-31T12:00:00Z']) {
    await sql`select ensure_event_partition(${time})`.execute(db);
  }

  const { rows } = await sql<{ name: string }>`
    select inhrelid::regclass::text as name from pg_inherits
    where inhparent = 'event'::regclass order by name`.execute(db);

  assert.deepEqual(
    rows.map(({ name }) => name),
    ['event_2026_12', 'event_2027_01'],
  );
});
