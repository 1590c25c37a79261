import { sql } from 'kysely';

import type { Db } from '../../../platform/db/connect.ts';

/** Times are seconds since 1970. */
export interface Allowlist {
  id: number;
  cve_ids: string[];
  /** Null: never. */
  expires_at: number | null;
  created_at: number;
  updated_at: number;
}

/** A row `a` of `cve_allowlist`, as JSON. */
export const allowlistJson = sql<Allowlist>`jsonb_build_object(
  'id', a.id, 'cve_ids', a.cve_ids, 'expires_at', extract(epoch from a.expires_at)::bigint,
  'created_at', extract(epoch from a.created_at), 'updated_at', extract(epoch from a.updated_at))`;

/** The list of the whole registry. */
export async function findSystemAllowlist(db: Db): Promise<Allowlist> {
  const { rows } = await sql<{ allowlist: Allowlist }>`
    select ${allowlistJson} as allowlist from cve_allowlist a where a.project_id is null`.execute(
    db,
  );
  return rows[0]!.allowlist;
}

/** Replaces a list; null is that of the whole registry. */
export async function replaceAllowlist(
  tx: Db,
  projectId: number | null,
  { cve_ids, expires_at }: Pick<Allowlist, 'cve_ids' | 'expires_at'>,
): Promise<void> {
  await sql`
    insert into cve_allowlist (project_id, cve_ids, expires_at)
    values (${projectId}, ${cve_ids}::text[], to_timestamp(${expires_at}::bigint))
    on conflict (project_id) do update
      set cve_ids = excluded.cve_ids, expires_at = excluded.expires_at, updated_at = now()`.execute(
    tx,
  );
}
