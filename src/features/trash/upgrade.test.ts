import assert from 'node:assert/strict';
import { test } from 'node:test';

import { sql } from 'kysely';

import { createDatabase, open } from '../../../test/harness/database.ts';
import { listMigrations, migrate } from '../../platform/db/migrate.ts';
import { listDeletions } from './store.ts';

test('what was deleted before the trash had a list is on it, with who did it where that is known', async (t) => {
  const db = open(await createDatabase(t, { isEmpty: true }), 2);
  t.after(() => db.destroy());
  const all = listMigrations();
  const first = all.findIndex(({ name }) => name.endsWith('-trash'));
  await migrate(db, all.slice(0, first));
  await sql`
    with p as (
      insert into project (name, owner_id, deleted_at, deletion_id)
      values ('gone', 1, now() - interval '1 hour', gen_random_uuid())
    ), r as (
      insert into repository (project_id, name) values (1, 'library/app') returning id
    ), dead as (
      insert into repository (project_id, name, deleted_at, deletion_id)
      values (1, 'library/dead', now(), '00000000-0000-4000-8000-000000000001') returning id
    ), m as (
      insert into manifest (repository_id, project_id, digest, kind, media_type, size_bytes, deleted_at, deletion_id)
      select id, 1, decode('01' || repeat('ab', 32), 'hex'), 'image', 'x', 2, now(),
             '00000000-0000-4000-8000-000000000002'::uuid from r
      union all
      select id, 1, decode('02' || repeat('cd', 64), 'hex'), 'image', 'x', 2, now(),
             '00000000-0000-4000-8000-000000000001' from dead
      returning id, repository_id, deletion_id
    ), t as (
      insert into tag (repository_id, name, manifest_id, deleted_at, deletion_id)
      select repository_id, 'v1', id, now(), deletion_id from m
      union all
      select repository_id, 'v0', id, now() - interval '1 day', gen_random_uuid() from m
      where deletion_id = '00000000-0000-4000-8000-000000000002'
    )
    insert into tag_history (repository_id, name, actor, client, moved_at)
    select id, 'v1', 'ann', 'docker', now() from r`.execute(db);

  await migrate(db, all);
  const filter = { scope: 'all' as const, projectId: undefined, kind: undefined, name: undefined };
  const { deletions } = await listDeletions(db, { ...filter, days: 14 }, { limit: 10, offset: 0 });

  assert.deepEqual(
    deletions.map(({ kind, name, actor }) => [kind, name, actor]),
    [
      ['repository', 'library/dead', null],
      ['artifact', `library/app@sha256:${'ab'.repeat(32)}`, 'ann'],
      ['project', 'gone', null],
      ['tag', 'library/app:v0', null],
    ],
  );
});
