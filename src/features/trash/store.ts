import { sql } from 'kysely';

import type { Db } from '../../platform/db/connect.ts';
import { inTransaction } from '../../platform/db/transaction.ts';
import { isReadOnly } from '../access/index.ts';

export const KINDS = ['tag', 'artifact', 'repository', 'project'] as const;
export type Kind = (typeof KINDS)[number];

/** Where deletions are looked for: in these projects, in the trash or not. */
export type Scope = number[] | 'all';

export interface Deletion {
  id: string;
  kind: Kind;
  project_id: number;
  repository_id: number | null;
  /** The tag, or the digest of the artifact; else empty. */
  reference: string;
}

const isAmong = (scope: Scope) =>
  scope === 'all' ? sql<boolean>`true` : sql<boolean>`d.project_id = any (${scope}::bigint[])`;

/** A deletion that can be restored. */
export async function findDeletion(
  db: Db,
  id: string,
  scope: Scope,
): Promise<Deletion | undefined> {
  const { rows } = await sql<Deletion>`
    select d.id, d.kind, d.project_id, d.repository_id, d.reference from deletion d
    where d.id = ${id} and d.purged_at is null and ${isAmong(scope)}`.execute(db);
  return rows[0];
}

/** Refuses to change what a deletion is of while its project is read-only. */
export async function requireWritableProject(db: Db, id: string, scope: Scope): Promise<void> {
  const { rows } = await sql<{ name: string }>`
    select p.name from deletion d join live_project p on p.id = d.project_id
    where d.id = ${id} and p.is_read_only and ${isAmong(scope)}`.execute(db);
  if (rows[0] !== undefined) throw isReadOnly(rows[0].name);
}

export interface Doer {
  actor: string;
  client: string;
}

/** Tells the feed what becomes of deletions: `after` holds the name that something is restored as, if another. */
export async function emitOutcome(
  tx: Db,
  ids: string[],
  outcome: 'restored' | 'purged',
  { actor, client }: Doer,
  after: { name: string } | null = null,
): Promise<void> {
  await sql`
    select emit_event(
      d.kind || '.' || ${outcome}::text, d.project_id,
      jsonb_strip_nulls(jsonb_build_object(
        'project', case when d.kind = 'project' then p.name end, 'repository', r.name,
        'tag', case when d.kind = 'tag' then d.reference end,
        'digest', case when d.kind = 'artifact' then d.reference end
      )),
      null, ${after && JSON.stringify(after)}::jsonb, ${actor}, ${client}
    )
    from deletion d join project p on p.id = d.project_id left join repository r on r.id = d.repository_id
    where d.id = any (${ids}::uuid[])`.execute(tx);
}

/** Takes a deletion off the list. False: it was restored or purged meanwhile. */
export async function takeDeletion(tx: Db, id: string): Promise<boolean> {
  const { rows } = await sql`
    delete from deletion where id = ${id} and purged_at is null returning id`.execute(tx);
  return rows.length > 0;
}

/** The deletion with which a repository went, if that can be restored. */
export async function findDeletionOfRepository(
  db: Db,
  repositoryId: number,
): Promise<string | undefined> {
  const { rows } = await sql<{ id: string }>`
    select d.id from repository r join deletion d on d.id = r.deletion_id
    where r.id = ${repositoryId} and d.purged_at is null`.execute(db);
  return rows[0]?.id;
}

export interface ListedDeletion extends Deletion {
  name: string;
  project_name: string;
  repository_name: string | null;
  actor: string | null;
  client: string | null;
  deleted_at: Date;
  purge_at: Date;
  /** Bytes of blobs that nothing else needs. */
  freed_bytes: number;
}

export interface DeletionFilter {
  scope: Scope;
  projectId: number | undefined;
  kind: Kind | undefined;
  /** Part of the whole name. */
  name: string | undefined;
  /** For projects that don't say how long things stay. */
  days: number;
}

/** As it was called: `team`, `team/app`, `team/app:v1` or `team/app@sha256:…`. */
const wholeName = sql<string>`coalesce(r.name, p.name)
  || case d.kind when 'tag' then ':' when 'artifact' then '@' else '' end || d.reference`;

/** The trash, what was deleted last first. */
export async function listDeletions(
  db: Db,
  { scope, projectId, kind, name, days }: DeletionFilter,
  { limit, offset }: { limit: number; offset: number },
): Promise<{ deletions: ListedDeletion[]; total: number }> {
  const conditions = [sql`d.purged_at is null`, isAmong(scope)];
  if (projectId !== undefined) conditions.push(sql`d.project_id = ${projectId}`);
  if (kind !== undefined) conditions.push(sql`d.kind = ${kind}`);
  if (name !== undefined) {
    conditions.push(sql`position(${name} in ${wholeName}) > 0`);
  }
  const from = sql`
    from deletion d join project p on p.id = d.project_id left join repository r on r.id = d.repository_id
    where ${sql.join(conditions, sql` and `)}`;
  const { rows } = await sql<ListedDeletion>`
    select listed.*, freed_bytes(listed.id, listed.kind, listed.project_id, listed.repository_id) as freed_bytes
    from (
      select d.id, d.kind, d.project_id, d.repository_id, d.reference, d.actor, d.client, d.deleted_at,
             ${wholeName} as name,
             p.name as project_name, r.name as repository_name,
             d.deleted_at + make_interval(days => coalesce(p.trash_days, ${days})) as purge_at
      ${from}
      order by d.deleted_at desc, d.id limit ${limit} offset ${offset}
    ) listed
    order by listed.deleted_at desc, listed.id`.execute(db);
  const counted = await sql<{ total: number }>`select count(*) as total ${from}`.execute(db);
  return { deletions: rows, total: counted.rows[0]!.total };
}

/** Gives a deletion up, with what is in the trash of its repository or project. False: it is not there. */
export async function giveUpDeletion(
  db: Db,
  id: string,
  scope: Scope,
  doer: Doer,
): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    // First this one: if it is restored meanwhile, nothing of the rest may go.
    const { rows } = await sql<Deletion>`
      update deletion d set purged_at = now() where d.id = ${id} and d.purged_at is null and ${isAmong(scope)}
      returning d.id, d.kind, d.project_id, d.repository_id, d.reference`.execute(tx);
    const [given] = rows;
    if (given === undefined) return false;
    await emitOutcome(tx, [id], 'purged', doer);
    if (given.kind === 'repository' || given.kind === 'project') {
      const column = given.kind === 'project' ? 'project_id' : 'repository_id';
      await sql`update deletion set purged_at = now()
        where ${sql.ref(column)} = ${given[column]} and purged_at is null`.execute(tx);
    }
    return true;
  });
}

/** What nobody gave up is given up by the registry itself; no user can have that name. */
const BY_TIME: Doer = { actor: 'system:trash', client: '' };

/** Gives up to `limit` deletions up whose time in the trash is over. Answers how many. */
export async function giveUpDueDeletions(
  db: Db,
  { days, limit }: { days: number; limit: number },
): Promise<number> {
  return inTransaction(db, async (tx) => {
    const { rows } = await sql<{ id: string }>`
      update deletion set purged_at = now()
      where purged_at is null and id in (
        select due.id from project p cross join lateral (
          select d.id from deletion d
          where d.project_id = p.id and d.purged_at is null
            and d.deleted_at <= now() - make_interval(days => coalesce(p.trash_days, ${days}))
          order by d.deleted_at limit ${limit} for update skip locked
        ) due
        limit ${limit}
      )
      returning id`.execute(tx);
    const ids = rows.map(({ id }) => id);
    await emitOutcome(tx, ids, 'purged', BY_TIME);
    return ids.length;
  });
}

/** Locks up to `limit` deletions that were given up; those that others are at are left out. */
export async function lockGivenUp(tx: Db, limit: number): Promise<Deletion[]> {
  const { rows } = await sql<Deletion>`
    select id, kind, project_id, repository_id, reference from deletion where purged_at is not null
    order by purged_at, id limit ${limit} for update skip locked`.execute(tx);
  return rows;
}

/** Forgets deletions of which nothing is left. */
export async function deleteDeletions(tx: Db, ids: string[]): Promise<void> {
  await sql`delete from deletion where id = any (${ids}::uuid[])`.execute(tx);
}

/** The same, of those among `ids` that are of a single tag. */
export async function deleteTagDeletions(tx: Db, ids: string[]): Promise<void> {
  await sql`delete from deletion where id = any (${ids}::uuid[]) and kind = 'tag'`.execute(tx);
}

export interface TrashFigures {
  items: number;
  /** Of blobs that nothing outside the trash refers to. */
  bytes: number;
  oldest_seconds: number;
}

/** What is in the trash of the whole registry. */
export async function findTrashFigures(db: Db): Promise<TrashFigures> {
  const { rows } = await sql<TrashFigures>`
    with trashed as (
      select m.id from deletion d join manifest m on m.deletion_id = d.id
      union
      select m.id from project p join repository r on r.project_id = p.id
        join manifest m on m.repository_id = r.id
      where p.deleted_at is not null
    ), blobs as (
      select distinct mb.blob_id from trashed t join manifest_blob mb on mb.manifest_id = t.id
    )
    select
      (select count(*) from deletion where purged_at is null) as items,
      (select coalesce(extract(epoch from now() - min(deleted_at)), 0) from deletion where purged_at is null)::float8
        as oldest_seconds,
      (select coalesce(sum(b.size_bytes), 0) from blobs join blob b on b.id = blobs.blob_id where not exists (
        select from manifest_blob mb join manifest m on m.id = mb.manifest_id join project p on p.id = m.project_id
        where mb.blob_id = b.id and m.deleted_at is null and p.deleted_at is null
      ))::bigint as bytes`.execute(db);
  return rows[0]!;
}
