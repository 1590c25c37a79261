import { sql } from 'kysely';

import type { Db } from '../../platform/db/connect.ts';
import type { EventType } from '../../platform/events/index.ts';

export interface AuditRow {
  seq: number;
  type: EventType;
  subject: Record<string, string>;
  before: Record<string, unknown> | null;
  actor: string;
  occurred_at: Date;
}

/** The newest events first: those of one project, of the projects whose log a user may read, or all. */
export async function listAuditRows(
  db: Db,
  scope: { projectId: number } | { readerId: number; roleIds: number[] } | 'all',
  { limit, offset }: { limit: number; offset: number },
): Promise<{ rows: AuditRow[]; total: number }> {
  const isInScope =
    scope === 'all'
      ? sql`true`
      : 'projectId' in scope
        ? sql`project_id = ${scope.projectId}`
        : sql`project_id in (select project_id from project_role
            where user_id = ${scope.readerId} and role_id = any (${scope.roleIds}::int[]))`;
  const { rows } = await sql<AuditRow>`
    select seq, type, subject, before, actor, occurred_at from event where ${isInScope}
    order by seq desc limit ${limit} offset ${offset}`.execute(db);
  // The feed has no gap, so all of it need not be counted.
  const count =
    scope === 'all'
      ? sql`coalesce(max(seq) - min(seq) + 1, 0)`
      : sql`count(*) filter (where ${isInScope})`;
  const counted = await sql<{ total: number }>`
    select ${count} as total from event where ${isInScope}`.execute(db);
  return { rows, total: counted.rows[0]!.total };
}
