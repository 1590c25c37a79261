import { sql } from 'kysely';

import type { Db } from '../../../platform/db/connect.ts';
import type { FindingKind } from '../finding.ts';

/** Of each kind no more are told. */
export const MOST_ROWS = 1000;

/** Rows that contradict others, as no foreign key can see. Each query answers what to tell a person. */
export const ROW_CHECKS: { kind: FindingKind; query: string }[] = [
  {
    kind: 'tag-target',
    query: `select t.id, r.name || ':' || t.name as note
      from live_tag t join live_repository r on r.id = t.repository_id
      join manifest m on m.id = t.manifest_id
      where m.deleted_at is not null or m.repository_id <> t.repository_id`,
  },
  {
    kind: 'manifest-out-of-service',
    query: `select m.id, digest_text(m.digest) || ' in ' || r.name as note
      from manifest m join repository r on r.id = m.repository_id where m.damaged_at is not null`,
  },
  {
    kind: 'blob-forgotten',
    query: `select b.id, digest_text(b.digest) as note from blob b
      where not exists (select from blob_candidate c where c.blob_id = b.id) and (
        not exists (select from repository_blob rb where rb.blob_id = b.id)
        or exists (select from repository_blob rb where rb.blob_id = b.id and not exists (
          select from manifest_blob mb where mb.blob_id = rb.blob_id and mb.repository_id = rb.repository_id))
        or exists (select from project_blob pb where pb.blob_id = b.id and not exists (
          select from manifest_blob mb where mb.blob_id = pb.blob_id and mb.project_id = pb.project_id)))`,
  },
  {
    kind: 'deletion-of-used',
    query: `select b.id, digest_text(b.digest) || ' at ' || b.location as note
      from blob_deletion d join blob b on b.location = d.location`,
  },
  {
    kind: 'repository-hidden',
    query: `select r.id, r.name as note from live_repository r
      where r.first_pushed_at is null
        and exists (select from live_manifest m where m.repository_id = r.id)`,
  },
  {
    kind: 'row-mismatch',
    query: `select m.id, 'manifest ' || m.id || ' of ' || r.name || ' names another project than its repository' as note
      from manifest m join repository r on r.id = m.repository_id where m.project_id <> r.project_id`,
  },
  ...(['manifest_blob', 'manifest_child', 'manifest_missing_blob'] as const).map((table) => ({
    kind: 'row-mismatch' as const,
    query: `select m.id, '${table}: manifest ' || m.id || ' is of another repository' as note
      from ${table} x join manifest m on m.id = x.manifest_id where x.repository_id <> m.repository_id`,
  })),
  {
    kind: 'row-mismatch',
    query: `select m.id, 'trash: what was deleted of manifest ' || m.id || ' is not in the list' as note
      from manifest m where m.deletion_id is not null
        and not exists (select from deletion d where d.id = m.deletion_id)`,
  },
];

export interface FoundRow {
  id: number;
  note: string;
}

export async function findRows(db: Db, query: string): Promise<FoundRow[]> {
  return db.transaction().execute(async (tx) => {
    // It reads whole tables, however large they are.
    await sql`set local statement_timeout = 0`.execute(tx);
    const { rows } = await sql<FoundRow>`${sql.raw(query)} limit ${MOST_ROWS}`.execute(tx);
    return rows;
  });
}
