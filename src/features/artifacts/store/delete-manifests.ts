import { randomUUID } from 'node:crypto';

import { sql } from 'kysely';

import { Refusal } from '../../../lib/errors.ts';
import { digestFromBytes, digestToBytes, type Digest } from '../../../oci/digest.ts';
import type { Db } from '../../../platform/db/connect.ts';
import { emit } from '../../../platform/events/index.ts';
import { inTransaction } from '../../../platform/db/transaction.ts';
import type { RepositoryKey } from '../../access/index.ts';
import { recordDeletion } from './record-deletion.ts';
import { lockRepository } from './repositories.ts';
import { markRepositoryChanged } from './repository-overview.ts';

interface Doer {
  actor: string;
  client: string;
}

/** What is being deleted, locked. */
interface Doomed {
  id: number;
  digest: Digest;
  repositoryId: number;
}

/** Puts a manifest with its tags into the trash, and nothing else. False: it is not there. */
export async function deleteManifest(
  db: Db,
  key: RepositoryKey,
  digest: Digest,
  doer: Doer,
): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    const doomed = await lockManifest(tx, key, digest);
    if (doomed === undefined) return false;
    await putIntoTrash(tx, key, doomed, [doomed.id], doer);
    return true;
  });
}

/**
 * Puts an artifact into the trash with what means nothing without it: its signatures and other accessories, and of an
 * index what it lists, unless that has a tag or another index lists it. All of it is one deletion. Refuses what an index
 * lists. False: it is not there.
 */
export async function deleteArtifact(
  db: Db,
  key: RepositoryKey,
  digest: Digest,
  doer: Doer,
): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    const doomed = await lockManifest(tx, key, digest);
    if (doomed === undefined) return false;
    await requireUnlisted(tx, doomed);
    await putIntoTrash(tx, key, doomed, await lockAllGoneWith(tx, doomed), doer);
    return true;
  });
}

async function lockManifest(
  tx: Db,
  key: RepositoryKey,
  digest: Digest,
): Promise<Doomed | undefined> {
  const repositoryId = await lockRepository(tx, key, 'shared');
  if (repositoryId === undefined) return undefined;
  // Whoever pushes a tag to it holds this row FOR KEY SHARE until the push is committed.
  const { rows } = await sql<{ id: number }>`
    select id from manifest
    where repository_id = ${repositoryId} and digest = ${digestToBytes(digest)} and deleted_at is null
    for update`.execute(tx);
  const [found] = rows;
  return found && { id: found.id, digest, repositoryId };
}

async function requireUnlisted(tx: Db, { repositoryId, digest }: Doomed): Promise<void> {
  const { rows } = await sql<{ digest: Buffer }>`
    select i.digest from manifest_child c join live_manifest i on i.id = c.manifest_id
    where c.repository_id = ${repositoryId} and c.digest = ${digestToBytes(digest)} limit 1`.execute(
    tx,
  );
  const [index] = rows;
  if (index === undefined) return;
  throw new Refusal(
    'VIOLATE_FOREIGN_KEY_CONSTRAINT',
    `the deleting artifact is referenced by others: the index ${digestFromBytes(index.digest)} lists it; delete that first`,
  );
}

/** The ids of all that goes. Looked for again when it is locked: a tag may have come meanwhile. */
async function lockAllGoneWith(tx: Db, { id }: Doomed): Promise<number[]> {
  const locked = new Set([id]);
  for (;;) {
    const { rows } = await sql<{ ids: number[] }>`
      select list_artifacts_gone_with(${id}) as ids`.execute(tx);
    const ids = rows[0]!.ids.map(Number);
    if (ids.every((one) => locked.has(one))) return ids;
    await sql`select from manifest where id = any (${ids}::bigint[]) order by id for update`.execute(
      tx,
    );
    for (const one of ids) locked.add(one);
  }
}

/** How many of those that went along the feed names. */
const MOST_NAMED = 1000;

async function putIntoTrash(
  tx: Db,
  { projectId, name }: RepositoryKey,
  { id, digest, repositoryId }: Doomed,
  ids: number[],
  { actor, client }: Doer,
): Promise<void> {
  const deletionId = randomUUID();
  // One statement: there may be more tags than a statement may have parameters.
  const { rows: tags } = await sql<{ name: string }>`
    with locked as (
      select id from tag where manifest_id = any (${ids}::bigint[]) and deleted_at is null order by name for update
    ), gone as (
      update tag set deleted_at = now(), deletion_id = ${deletionId}
      where id in (select id from locked)
      returning repository_id, name, manifest_id
    ), told as (
      insert into tag_history (repository_id, name, digest, previous_digest, actor, client)
      select gone.repository_id, gone.name, null, m.digest, ${actor}, ${client}
      from gone join manifest m on m.id = gone.manifest_id
    )
    select name from gone where manifest_id = ${id} order by name`.execute(tx);
  const { rows: also } = await sql<{ digest: Buffer }>`
    with gone as (
      update manifest set deleted_at = now(), deletion_id = ${deletionId}
      where id = any (${ids}::bigint[])
      returning id, digest
    )
    select digest from gone where id <> ${id} order by id limit ${MOST_NAMED}`.execute(tx);
  await markRepositoryChanged(tx, repositoryId);
  await recordDeletion(tx, {
    id: deletionId,
    kind: 'artifact',
    projectId,
    repositoryId,
    reference: digest,
    actor,
    client,
  });
  await emit(tx, {
    type: 'artifact.deleted',
    projectId,
    subject: { repository: name, digest },
    before: {
      tags: tags.map((tag) => tag.name),
      ...(also.length === 0 ? {} : { also: also.map((one) => digestFromBytes(one.digest)) }),
    },
    actor,
    client,
  });
}
