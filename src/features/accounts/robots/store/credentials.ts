import { sql } from 'kysely';

import type { BatchedStatement } from '../../../../platform/db/batched-query.ts';
import type { Db } from '../../../../platform/db/connect.ts';
import type { Lookups } from '../../../../platform/db/lookups.ts';

export interface RobotSecret {
  id: number;
  hash: string;
  last_used_at: string | null;
}

/** What a sign-in needs. */
export interface RobotCredential {
  id: number;
  project_id: number | null;
  project: string | null;
  name: string;
  is_disabled: boolean;
  is_expired: boolean;
  rights_changed_at: Date;
  system_permissions: string[];
  /** Those that have not ended. */
  secrets: RobotSecret[];
}

type CredentialKey = { id: number } | { project: string | null; name: string };

const FIND_CREDENTIAL: BatchedStatement<CredentialKey> = {
  name: 'robot_credential',
  text: `select wanted.position::int as position, r.id, r.project_id, p.name as project, r.name, r.is_disabled,
      coalesce(r.expires_at <= now(), false) as is_expired, r.rights_changed_at,
      array(
        select unnest(g.allowed) from robot_right g where g.robot_id = r.id and g.scope = 'system'
        except select unnest(g.denied) from robot_right g where g.robot_id = r.id and g.scope = 'system'
      ) as system_permissions,
      coalesce((
        select jsonb_agg(jsonb_build_object('id', s.id, 'hash', s.hash, 'last_used_at', s.last_used_at))
        from robot_secret s where s.robot_id = r.id and (s.expires_at is null or s.expires_at > now())
      ), '[]') as secrets
    from unnest($1::bigint[], $2::text[], $3::text[]) with ordinality as wanted (id, project, name, position)
    join robot r on r.id = coalesce(wanted.id, case when wanted.project is null
      then (select n.id from robot n where n.project_id is null and n.name = wanted.name)
      else (select n.id from robot n where n.name = wanted.name and n.project_id = (
        select l.id from live_project l where l.name = wanted.project)) end)
    left join live_project p on p.id = r.project_id
    where r.project_id is null or p.id is not null`,
  toColumns: (keys) => [
    keys.map((key) => ('id' in key ? key.id : null)),
    keys.map((key) => ('id' in key ? null : key.project)),
    keys.map((key) => ('id' in key ? null : key.name)),
  ],
};

export async function findCredential(
  lookups: Lookups,
  key: CredentialKey,
): Promise<RobotCredential | undefined> {
  return lookups.batch<CredentialKey, RobotCredential>(FIND_CREDENTIAL)(key);
}

/** To the minute, so that a busy robot changes no rows all the time. */
export async function recordUse(db: Db, secretId: number): Promise<void> {
  await sql`
    with used as (
      update robot_secret set last_used_at = now()
      where id = ${secretId} and (last_used_at is null or last_used_at < now() - interval '50 seconds')
      returning robot_id
    )
    update robot set last_used_at = now() where id in (select robot_id from used)`.execute(db);
}
