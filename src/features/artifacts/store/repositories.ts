import { randomUUID } from 'node:crypto';

import { sql } from 'kysely';

import { parseRepositoryName } from '../../../oci/reference.ts';
import type { Db } from '../../../platform/db/connect.ts';
import { emit } from '../../../platform/events/index.ts';
import { inTransaction } from '../../../platform/db/transaction.ts';
import type { RepositoryKey } from '../../access/index.ts';
import { recordDeletion } from './record-deletion.ts';

/** Whether anything was ever pushed to it: one that only holds uploads is not shown to anybody yet. */
export async function isRepository(db: Db, { projectId, name }: RepositoryKey): Promise<boolean> {
  const row = await db
    .selectFrom('live_repository')
    .select('id')
    .where('project_id', '=', projectId)
    .where('name', '=', name)
    .where('first_pushed_at', 'is not', null)
    .executeTakeFirst();
  return row !== undefined;
}

/**
 * Locks a repository until the transaction ends, and answers its id. Shared: it can't be deleted meanwhile.
 * Whoever changes what is in it locks the project and takes this lock first, then that of the manifest, then
 * those of the tags by name: in one order, nobody waits for each other.
 */
export async function lockRepository(
  tx: Db,
  { projectId, name }: RepositoryKey,
  lock: 'shared' | 'exclusive',
): Promise<number | undefined> {
  const { rows: projects } = await sql`
    select id from project where id = ${projectId} and deleted_at is null for key share`.execute(
    tx,
  );
  if (projects.length === 0) return undefined;
  const { rows } = await sql<{ id: number }>`
    select id from repository where project_id = ${projectId} and name = ${name} and deleted_at is null
    for ${lock === 'shared' ? sql`key share` : sql`update`}`.execute(tx);
  return rows[0]?.id;
}

/** The repository, made if it is not there, for an upload; undefined when the project is gone. */
export async function ensureRepository(
  db: Db,
  { projectId, name }: RepositoryKey,
): Promise<number | undefined> {
  const { rows } = await sql<{
    id: number | null;
  }>`select ensure_repository(${projectId}, ${name}) as id`.execute(db);
  return rows[0]!.id ?? undefined;
}

/** Makes the names of all repositories of a project begin with its new name, in the trash or not. */
export async function renameRepositories(
  tx: Db,
  projectId: number,
  { from, to }: { from: string; to: string },
): Promise<void> {
  await sql`update repository set name = ${to}::text || substr(name, ${from.length + 1}::int)
    where project_id = ${projectId}`.execute(tx);
  const { rows } = await sql<{ name: string }>`
    select name from repository where project_id = ${projectId} order by length(name) desc limit 1`.execute(
    tx,
  );
  for (const { name } of rows) parseRepositoryName(name); // it may be too long now
}

/** Names of repositories that hold something, in byte order, `last` left out. */
export async function listRepositoryNames(
  db: Db,
  {
    last = '',
    limit,
    projectIds,
  }: {
    last: string | undefined;
    limit: number;
    /** Undefined: everything. Else public projects, and these. */
    projectIds: number[] | 'all';
  },
): Promise<string[]> {
  const pushed = sql`r.deleted_at is null and r.first_pushed_at is not null and r.name > ${last}`;
  // Names begin with their project's, so project after project is the byte order of all names: reading stops
  // when the page is full, and what others have is not looked at.
  const query =
    projectIds === 'all'
      ? sql<{ name: string }>`
          select r.name from repository r join live_project p on p.id = r.project_id
          where ${pushed} order by r.name limit ${limit}`
      : sql<{ name: string }>`
          with p as materialized (
            select id, name || '/' as prefix from live_project
            where (is_public or id = any (${projectIds}::bigint[]))
              and (name || '/' > ${last} or starts_with(${last}, name || '/'))
            order by prefix
          )
          select r.name from p cross join lateral (
            select r.name from repository r where r.project_id = p.id and ${pushed}
            order by r.name limit ${limit}
          ) r
          order by p.prefix, r.name limit ${limit}`;
  const { rows } = await query.execute(db);
  return rows.map((row) => row.name);
}

/** Puts a repository with all that is in it into the trash. False: it is not there. */
export async function deleteRepository(
  db: Db,
  key: RepositoryKey,
  { actor, client }: { actor: string; client: string },
): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    const repositoryId = await lockRepository(tx, key, 'exclusive');
    if (repositoryId === undefined) return false;
    const deletion = { deleted_at: sql<Date>`now()`, deletion_id: randomUUID() };
    await sql`
      insert into tag_history (repository_id, name, digest, previous_digest, actor, client)
      select t.repository_id, t.name, null, m.digest, ${actor}, ${client}
      from live_tag t join manifest m on m.id = t.manifest_id where t.repository_id = ${repositoryId}`.execute(
      tx,
    );
    for (const table of ['tag', 'manifest'] as const) {
      await tx
        .updateTable(table)
        .set(deletion)
        .where('repository_id', '=', repositoryId)
        .where('deleted_at', 'is', null)
        .execute();
    }
    await tx.updateTable('repository').set(deletion).where('id', '=', repositoryId).execute();
    await recordDeletion(tx, {
      id: deletion.deletion_id,
      kind: 'repository',
      projectId: key.projectId,
      repositoryId,
      reference: '',
      actor,
      client,
    });
    await emit(tx, {
      type: 'repository.deleted',
      projectId: key.projectId,
      subject: { repository: key.name },
      actor,
      client,
    });
    return true;
  });
}
