import { randomUUID } from 'node:crypto';

import { sql } from 'kysely';

import { notFound, Refusal } from '../../../lib/errors.ts';
import type { Db } from '../../../platform/db/connect.ts';
import { isUniqueViolation } from '../../../platform/db/errors.ts';
import { inTransaction } from '../../../platform/db/transaction.ts';
import { emit } from '../../../platform/events/index.ts';

/** Puts the project into the trash. Refuses while it holds repositories, unless they shall go with it. */
export async function deleteProject(
  db: Db,
  {
    id,
    name,
    withRepositories,
    actor,
    client,
  }: { id: number; name: string; withRepositories: boolean; actor: string; client: string },
): Promise<void> {
  await inTransaction(db, async (tx) => {
    // Whoever pushes holds this row FOR KEY SHARE until the push is committed.
    await sql`select from project where id = ${id} for update`.execute(tx);
    const { rows } = await sql`
      select from live_repository where project_id = ${id} and first_pushed_at is not null limit 1`.execute(
      tx,
    );
    if (rows.length > 0 && !withRepositories) {
      throw new Refusal(
        'PRECONDITION',
        'precondition failed: the project holds repositories; delete them first, or delete it with ?with_repositories=true',
      );
    }
    const deletion_id = randomUUID();
    const { numUpdatedRows } = await tx
      .updateTable('project')
      .set({ deleted_at: sql`now()`, deletion_id })
      .where('id', '=', id)
      .where('deleted_at', 'is', null)
      .executeTakeFirst();
    if (numUpdatedRows === 0n) throw notFound('project', id); // somebody else was quicker
    await sql`select record_deletion(${deletion_id}, 'project', ${id}, null, '', ${actor}, ${client})`.execute(
      tx,
    );
    await emit(tx, {
      type: 'project.deleted',
      projectId: id,
      subject: { project: name },
      actor,
      client,
    });
  });
}

export interface LockedProject {
  name: string;
  isLive: boolean;
  deletionId: string | null;
}

/** Locks a project, in the trash or not. Shared: it is neither deleted nor restored until the transaction ends. */
export async function lockProject(
  tx: Db,
  id: number,
  lock: 'shared' | 'exclusive',
): Promise<LockedProject | undefined> {
  const { rows } = await sql<LockedProject>`
    select name, deleted_at is null as "isLive", deletion_id as "deletionId" from project where id = ${id}
    for ${lock === 'shared' ? sql`key share` : sql`update`}`.execute(tx);
  return rows[0];
}

/** Takes a project out of the trash, as `name`. */
export async function restoreProject(tx: Db, id: number, name: string): Promise<void> {
  try {
    await tx
      .updateTable('project')
      .set({ deleted_at: null, deletion_id: null, name, updated_at: sql`now()` })
      .where('id', '=', id)
      .execute();
  } catch (cause) {
    if (isUniqueViolation(cause)) {
      throw new Refusal(
        'CONFLICT',
        `the project ${name} is there already; restore this one under another name, with "new_name"`,
        { cause, detail: { name_in_use: name } },
      );
    }
    throw cause;
  }
}

/** Removes up to `limit` deleted projects in which nothing is left. Answers how many. */
export async function removeEmptyProjects(db: Db, limit: number): Promise<number> {
  const isUnused = sql`
    p.deleted_at < now() - interval '10 minutes'
    and not exists (select from deletion d where d.project_id = p.id)
    and not exists (select from repository r where r.project_id = p.id)
    and not exists (select from project_blob pb where pb.project_id = p.id)`;
  return inTransaction(db, async (tx) => {
    const { rows } = await sql<{ id: number }>`
      select p.id from project p where ${isUnused} order by p.id limit ${limit} for update skip locked`.execute(
      tx,
    );
    const ids = rows.map((row) => row.id);
    // A second statement, so that it sees what came before the lock.
    await sql`delete from project p where p.id = any (${ids}::bigint[]) and ${isUnused}`.execute(
      tx,
    );
    return ids.length;
  });
}
