import { sql } from 'kysely';

import { notFound } from '../../lib/errors.ts';
import { digestToBytes, type Digest } from '../../oci/digest.ts';
import type { Db } from '../../platform/db/connect.ts';
import { orderBy, timeColumn, type ListFields } from '../../platform/db/list.ts';
import type { SortKey } from '../../lib/list-query.ts';
import { inTransaction } from '../../platform/db/transaction.ts';
import { emit } from '../../platform/events/index.ts';

export interface Quota {
  project_id: number;
  project_name: string;
  owner_name: string;
  /** Null: no limit. */
  hard_bytes: number | null;
  used_bytes: number;
  created_at: Date;
  updated_at: Date;
}

const quotas = sql`
  live_project p join user_account u on u.id = p.owner_id
  left join project_quota q on q.project_id = p.id
  left join (
    select project_id, sum(bytes)::bigint as bytes from project_usage group by project_id
  ) usage on usage.project_id = p.id`;
const columns = sql`
  p.id as project_id, p.name as project_name, u.username as owner_name, q.hard_bytes,
  coalesce(usage.bytes, 0) as used_bytes,
  coalesce(q.created_at, p.created_at) as created_at, coalesce(q.updated_at, p.created_at) as updated_at`;

/** No limit is the largest. */
const SORT_FIELDS: ListFields = {
  'hard.storage': {
    column: sql`coalesce(q.hard_bytes, ${Number.MAX_SAFE_INTEGER}::bigint)`,
    type: 'integer',
  },
  'used.storage': { column: sql`coalesce(usage.bytes, 0)`, type: 'integer' },
  creationtime: timeColumn('created_at'),
  updatetime: timeColumn('updated_at'),
};
const NEWEST: SortKey[] = [{ key: 'creationtime', isDescending: true }];

export async function listQuotas(
  db: Db,
  { projectId, sort }: { projectId: number | undefined; sort: SortKey[] },
  { limit, offset }: { limit: number; offset: number },
): Promise<{ quotas: Quota[]; total: number }> {
  const isWanted = projectId === undefined ? sql`true` : sql`p.id = ${projectId}`;
  const order = orderBy(SORT_FIELDS, sort.length === 0 ? NEWEST : sort, sql`p.id desc`);
  const { rows } = await sql<Quota>`
    select ${columns} from ${quotas} where ${isWanted}
    order by ${order} limit ${limit} offset ${offset}`.execute(db);
  const counted = await sql<{ total: number }>`
    select count(*) as total from live_project p where ${isWanted}`.execute(db);
  return { quotas: rows, total: counted.rows[0]!.total };
}

export interface QuotaWithTrash extends Quota {
  /** The part of what is used that the trash alone needs. */
  trash_bytes: number;
}

export async function findQuota(db: Db, projectId: number): Promise<QuotaWithTrash | undefined> {
  const { rows } = await sql<QuotaWithTrash>`
    with trashed as (
      select m.id, m.size_bytes from deletion d join manifest m on m.deletion_id = d.id
      where d.project_id = ${projectId}
    ), blobs as (
      select distinct mb.blob_id from trashed t join manifest_blob mb on mb.manifest_id = t.id
    )
    select ${columns}, (
      (select coalesce(sum(size_bytes), 0) from trashed)
      + (select coalesce(sum(b.size_bytes), 0) from blobs join blob b on b.id = blobs.blob_id where not exists (
          select from manifest_blob other join live_manifest m on m.id = other.manifest_id
          where other.blob_id = b.id and other.project_id = ${projectId}
        ))
    )::bigint as trash_bytes
    from ${quotas} where p.id = ${projectId}`.execute(db);
  return rows[0];
}

/** Sets the limit of a project; null takes it away. Pushes to it wait until the transaction ends. */
export async function limitProject(
  tx: Db,
  projectId: number,
  hardBytes: number | null,
): Promise<void> {
  await sql`select limit_project(${projectId}, ${hardBytes})`.execute(tx);
}

/** The same, written down as a change that somebody made. */
export async function changeQuota(
  db: Db,
  projectId: number,
  hardBytes: number | null,
  who: { actor: string; client: string },
): Promise<void> {
  await inTransaction(db, async (tx) => {
    const { rows } = await sql<{ name: string; hard_bytes: number | null }>`
      select p.name, q.hard_bytes from project p left join project_quota q on q.project_id = p.id
      where p.id = ${projectId} and p.deleted_at is null for key share of p`.execute(tx);
    const [project] = rows;
    if (project === undefined) throw notFound('quota', projectId);
    await emit(tx, {
      type: 'quota.updated',
      projectId,
      subject: { project: project.name },
      before: { storage: project.hard_bytes ?? -1 },
      after: { storage: hardBytes ?? -1 },
      ...who,
    });
    await limitProject(tx, projectId, hardBytes);
  });
}

/** What would not fit: bytes. */
export interface Excess {
  used: number;
  limit: number;
  needed: number;
}

/**
 * Whether a blob can't have room in a project now. With a digest: it is not there yet, and larger than what is
 * left. Without, it may be there: then only if it is larger than all of a limit that is kept.
 */
export async function findExcess(
  db: Db,
  projectId: number,
  { digest, sizeBytes }: { digest: Digest | undefined; sizeBytes: number },
): Promise<Excess | undefined> {
  const isTooLarge =
    digest === undefined
      ? sql`sum(room) >= 0 and sum(bytes) + sum(room) < ${sizeBytes}`
      : sql`sum(room) < ${sizeBytes} and not exists (
          select from project_blob pb join blob b on b.id = pb.blob_id
          where pb.project_id = ${projectId} and b.digest = ${digestToBytes(digest)})`;
  const { rows } = await sql<{ used: number; limit: number }>`
    select sum(bytes)::bigint as used, (sum(bytes) + sum(room))::bigint as limit
    from project_usage where project_id = ${projectId}
    having ${isTooLarge} and quotas_are_enforced()`.execute(db);
  return rows[0] && { ...rows[0], needed: sizeBytes };
}

/** A push that was refused. */
export interface RefusedPush {
  projectId: number;
  /** The whole name of the repository. */
  repository: string;
  /** What was pushed to it, if that is known: a tag, or a digest. */
  subject: { tag?: string; digest?: string };
  actor: string;
  client: string;
}

/** Tells the feed that a push was refused, unless another one of the project was in the last ten minutes. */
export async function recordExcess(db: Db, push: RefusedPush, excess: Excess): Promise<void> {
  await inTransaction(db, async (tx) => {
    const { rows } = await sql`
      update project_quota set exceeded_at = now()
      where project_id = ${push.projectId}
        and (exceeded_at is null or exceeded_at < now() - interval '10 minutes')
      returning project_id`.execute(tx);
    if (rows.length === 0) return;
    await emit(tx, {
      type: 'quota.exceeded',
      projectId: push.projectId,
      subject: { repository: push.repository, ...push.subject },
      after: excess,
      actor: push.actor,
      client: push.client,
    });
  });
}

/**
 * Tells the feed of each project that has used 85 % of its quota since it was last looked at, and forgets those that
 * have not any more. Answers how many it told of.
 */
export async function warnOfFullProjects(
  db: Db,
  who: { actor: string; client: string },
): Promise<number> {
  return inTransaction(db, async (tx) => {
    const { rows } = await sql<{ project_id: number; name: string; used: number; limit: number }>`
      with usage as (
        select q.project_id, p.name, sum(u.bytes)::bigint as used, sum(u.bytes) >= q.hard_bytes * 0.85 as is_full
        from project_quota q
        join live_project p on p.id = q.project_id
        join project_usage u on u.project_id = q.project_id
        where q.hard_bytes is not null and quotas_are_enforced()
        group by q.project_id, p.name
      ), changed as (
        update project_quota q set warned_at = case when usage.is_full then now() end
        from usage
        where q.project_id = usage.project_id and (q.warned_at is null) = usage.is_full
        returning q.project_id, usage.name, usage.used, q.hard_bytes as limit, usage.is_full
      )
      select project_id, name, used, "limit" from changed where is_full`.execute(tx);
    for (const { project_id, name, used, limit } of rows) {
      await emit(tx, {
        type: 'quota.warning',
        projectId: project_id,
        subject: { project: name },
        after: { used, limit },
        ...who,
      });
    }
    return rows.length;
  });
}

export interface Drift {
  project_id: number;
  project_name: string;
  /** What is counted. */
  counted: number;
  /** What the rows sum up to. */
  actual: number;
  /** What is counted and what may be added are the limit. */
  is_limit_kept: boolean;
}

/** Projects, in the trash or not, whose usage is not the sum of their rows: there should be none. */
export async function listDrifts(db: Db): Promise<Drift[]> {
  // One statement sees one moment: pushes may go on.
  const { rows } = await sql<Drift>`
    select * from (
      select p.id as project_id, p.name as project_name, coalesce(usage.bytes, 0) as counted,
             (coalesce(blobs.bytes, 0) + coalesce(manifests.bytes, 0))::bigint as actual,
             usage.bytes + usage.room is not distinct from q.hard_bytes as is_limit_kept
      from project p
      left join project_quota q on q.project_id = p.id
      left join (
        select project_id, sum(bytes)::bigint as bytes, sum(room)::bigint as room from project_usage group by project_id
      ) usage on usage.project_id = p.id
      left join (
        select pb.project_id, sum(b.size_bytes) as bytes from project_blob pb join blob b on b.id = pb.blob_id
        group by pb.project_id
      ) blobs on blobs.project_id = p.id
      left join (
        select project_id, sum(size_bytes) as bytes from manifest group by project_id
      ) manifests on manifests.project_id = p.id
    ) usage
    where counted <> actual or not is_limit_kept
    order by project_name`.execute(db);
  return rows;
}

/** Makes the usage of a project what the rows sum up to. */
export async function correctUsage(db: Db, { project_id, counted, actual }: Drift): Promise<void> {
  await inTransaction(db, async (tx) => {
    // The difference: what was pushed since it was found is counted already.
    await sql`select refund_project(${project_id}, ${counted - actual})`.execute(tx);
    await sql`
      select limit_project(project_id, hard_bytes) from project_quota where project_id = ${project_id}`.execute(
      tx,
    );
  });
}
