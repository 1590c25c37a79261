import { sql } from 'kysely';

import type { Db } from '../../../platform/db/connect.ts';

export interface Summary {
  repo_count: number;
  /** How many members have a role, by the role's id. */
  members: Record<number, number>;
}

export async function findSummary(db: Db, projectId: number): Promise<Summary> {
  const { rows } = await sql<Summary>`
    select
      (select number from project_repositories where project_id = ${projectId}) as repo_count,
      coalesce((
        select jsonb_object_agg(role_id, number)
        from (
          select m.role_id, count(*) as number
          from member m left join user_account u on u.id = m.user_id
          where m.project_id = ${projectId} and u.deleted_at is null group by m.role_id
        ) counted
      ), '{}') as members`.execute(db);
  return rows[0]!;
}
