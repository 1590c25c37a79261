import { sql } from 'kysely';

import { Refusal } from '../../../lib/errors.ts';
import type { Db } from '../../../platform/db/connect.ts';
import { isUniqueViolation } from '../../../platform/db/errors.ts';
import { moveLabels } from '../../labels/index.ts';
import { recordDeletion } from './record-deletion.ts';
import { purgeManifests } from './purge.ts';
import { markRepositoryChanged } from './repository-overview.ts';

/** What comes back, and who brings it, for the history of the tags. */
export interface Restoration {
  deletionId: string;
  projectId: number;
  repositoryId: number;
  actor: string;
  client: string;
}

export interface LockedRepository {
  name: string;
  isLive: boolean;
}

/** Locks a repository, in the trash or not: nobody pushes to it or deletes in it until the transaction ends. */
export async function lockRepositoryById(
  tx: Db,
  id: number,
): Promise<LockedRepository | undefined> {
  const { rows } = await sql<LockedRepository>`
    select name, deleted_at is null as "isLive" from repository where id = ${id} for update`.execute(
    tx,
  );
  return rows[0];
}

/** Takes a repository with all that went with it out of the trash, as `name`. */
export async function restoreRepository(
  tx: Db,
  restoration: Restoration,
  name: string,
): Promise<void> {
  const { deletionId, projectId, repositoryId } = restoration;
  await removeEmptyNamesake(tx, { projectId, name });
  try {
    await sql`update repository set deleted_at = null, deletion_id = null, name = ${name}
      where id = ${repositoryId}`.execute(tx);
  } catch (cause) {
    if (isUniqueViolation(cause)) throw inUse('repository', name, cause);
    throw cause;
  }
  await sql`update manifest set deleted_at = null, deletion_id = null where deletion_id = ${deletionId}`.execute(
    tx,
  );
  await restoreTags(tx, restoration);
  await serveBlobs(tx, repositoryId);
}

/** A repository that holds nothing but what was begun to be pushed is nothing that anybody sees: it goes. */
async function removeEmptyNamesake(
  tx: Db,
  { projectId, name }: { projectId: number; name: string },
): Promise<void> {
  // Whoever pushes to it holds it FOR KEY SHARE until it is empty no more.
  await sql`select from repository where project_id = ${projectId} and name = ${name} and deleted_at is null
    for update`.execute(tx);
  await sql`update repository set deleted_at = now()
    where project_id = ${projectId} and name = ${name} and deleted_at is null and first_pushed_at is null`.execute(
    tx,
  );
}

/** A client may have deleted blobs while only the trash needed them. */
async function serveBlobs(tx: Db, repositoryId: number): Promise<void> {
  await sql`update repository_blob rb set is_served = true
    where rb.repository_id = ${repositoryId} and not rb.is_served and exists (
      select from manifest_blob mb join live_manifest m on m.id = mb.manifest_id
      where mb.blob_id = rb.blob_id and mb.repository_id = rb.repository_id
    )`.execute(tx);
}

/**
 * Takes an artifact with its tags, and what went with it, out of the trash. What was pushed again meanwhile gets the tags
 * of what comes back. Tags whose names are in use stay behind, each by itself, when `withoutUsedTags`; else it is refused.
 */
export async function restoreManifests(
  tx: Db,
  restoration: Restoration,
  { withoutUsedTags }: { withoutUsedTags: boolean },
): Promise<void> {
  const { deletionId, repositoryId } = restoration;
  await pointTagsToLive(tx, deletionId);
  await sql`
    update manifest m set deleted_at = null, deletion_id = null
    where m.deletion_id = ${deletionId} and not exists (
      select from live_manifest live where live.repository_id = m.repository_id and live.digest = m.digest
    )`.execute(tx);
  await serveBlobs(tx, repositoryId);
  await dropTagsInPlace(tx, deletionId);
  const used = await listUsedTags(tx, deletionId);
  if (used.length > 0 && !withoutUsedTags) {
    const names = used.map(({ name }) => name);
    throw new Refusal(
      'CONFLICT',
      `other artifacts have the tags ${names.slice(0, 20).join(', ')} now; with "without_used_tags": true they stay in the trash`,
      { detail: { tags_in_use: names } },
    );
  }
  for (const tag of used) await leaveTag(tx, restoration, tag);
  await restoreTags(tx, restoration);
  await purgePushedAgain(tx, deletionId);
}

/** What is left of the deletion: that was pushed again, and gets the labels it had. */
async function purgePushedAgain(tx: Db, deletionId: string): Promise<void> {
  const { rows } = await sql<{ id: number; live_id: number }>`
    select m.id, live.id as live_id
    from manifest m join live_manifest live on live.repository_id = m.repository_id and live.digest = m.digest
    where m.deletion_id = ${deletionId}`.execute(tx);
  await moveLabels(
    tx,
    rows.map(({ id, live_id }) => ({ from: id, to: live_id })),
  );
  await purgeManifests(
    tx,
    rows.map(({ id }) => id),
  );
}

/** Takes a tag out of the trash, as `newName` if given. */
export async function restoreTag(
  tx: Db,
  restoration: Restoration,
  newName: string | undefined,
): Promise<void> {
  const { deletionId } = restoration;
  if (newName !== undefined) {
    await sql`update tag set name = ${newName} where deletion_id = ${deletionId}`.execute(tx);
  }
  await pointTagsToLive(tx, deletionId);
  const { rows } = await sql<{ gone_with: string }>`
    select m.deletion_id as gone_with from tag t join manifest m on m.id = t.manifest_id
    where t.deletion_id = ${deletionId} and m.deleted_at is not null`.execute(tx);
  const [artifact] = rows;
  if (artifact !== undefined) {
    throw new Refusal('CONFLICT', 'its artifact is in the trash; restore that first', {
      detail: { restore_first: artifact.gone_with },
    });
  }
  await dropTagsInPlace(tx, deletionId);
  const [used] = await listUsedTags(tx, deletionId);
  if (used !== undefined) throw inUse('tag', used.name);
  await restoreTags(tx, restoration);
}

/** Tags of the deletion whose artifact was pushed again point to that one now. */
async function pointTagsToLive(tx: Db, deletionId: string): Promise<void> {
  await sql`
    update tag t set manifest_id = live.id
    from manifest m
    join live_manifest live on live.repository_id = m.repository_id and live.digest = m.digest and live.id <> m.id
    where t.deletion_id = ${deletionId} and m.id = t.manifest_id`.execute(tx);
}

/** Tags of the deletion that point where they would point to again: nothing is left to do for them. */
async function dropTagsInPlace(tx: Db, deletionId: string): Promise<void> {
  await sql`delete from tag t using live_tag live
    where t.deletion_id = ${deletionId} and live.repository_id = t.repository_id and live.name = t.name
      and live.manifest_id = t.manifest_id`.execute(tx);
}

interface TrashedTag {
  id: number;
  name: string;
}

/** Tags of the deletion whose names are in use. */
async function listUsedTags(tx: Db, deletionId: string): Promise<TrashedTag[]> {
  const { rows } = await sql<TrashedTag>`
    select t.id, t.name
    from tag t join live_tag live on live.repository_id = t.repository_id and live.name = t.name
    where t.deletion_id = ${deletionId} order by t.name`.execute(tx);
  return rows;
}

/** Leaves a tag in the trash when its artifact comes back. */
async function leaveTag(
  tx: Db,
  { projectId, repositoryId, actor, client }: Restoration,
  { id, name }: TrashedTag,
): Promise<void> {
  const { rows } = await sql<{ deletion_id: string }>`
    update tag set deleted_at = now(), deletion_id = gen_random_uuid() where id = ${id}
    returning deletion_id`.execute(tx);
  await recordDeletion(tx, {
    id: rows[0]!.deletion_id,
    kind: 'tag',
    projectId,
    repositoryId,
    reference: name,
    actor,
    client,
  });
}

async function restoreTags(
  tx: Db,
  { deletionId, repositoryId, actor, client }: Restoration,
): Promise<void> {
  await markRepositoryChanged(tx, repositoryId);
  await sql`
    with back as (
      update tag set deleted_at = null, deletion_id = null
      where deletion_id = ${deletionId}
      returning repository_id, name, manifest_id
    )
    insert into tag_history (repository_id, name, digest, previous_digest, actor, client)
    select back.repository_id, back.name, m.digest, null, ${actor}, ${client}
    from back join manifest m on m.id = back.manifest_id`.execute(tx);
}

function inUse(kind: string, name: string, cause?: unknown): Refusal {
  return new Refusal(
    'CONFLICT',
    `the ${kind} ${name} is there already; restore this one under another name, with "new_name"`,
    { cause, detail: { name_in_use: name } },
  );
}
