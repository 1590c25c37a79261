import { randomUUID } from 'node:crypto';

import { sql } from 'kysely';

import { Refusal } from '../../../lib/errors.ts';
import { digestFromBytes, digestToBytes, type Digest } from '../../../oci/digest.ts';
import type { Db } from '../../../platform/db/connect.ts';
import {
  integerColumn,
  meets,
  orderBy,
  textColumn,
  timeColumn,
  type ListFields,
} from '../../../platform/db/list.ts';
import { emit } from '../../../platform/events/index.ts';
import { inTransaction } from '../../../platform/db/transaction.ts';
import type { ListOptions } from '../../../platform/http/paging.ts';
import type { RepositoryKey } from '../../access/index.ts';
import { recordDeletion } from './record-deletion.ts';
import { lockRepository } from './repositories.ts';
import { markRepositoryChanged } from './repository-overview.ts';

/** Names in byte order, those behind `last`; undefined when there is no such repository. */
export async function listTagNames(
  db: Db,
  { projectId, name }: RepositoryKey,
  { last, limit }: { last: string | undefined; limit: number },
): Promise<string[] | undefined> {
  // One text: pg reads an array letter by letter, and a page may have 100 000 names.
  const { rows } = await sql<{ names: string }>`
    select array_to_string(array(
      select t.name from live_tag t
      where t.repository_id = r.id and t.name > ${last ?? ''} order by t.name limit ${limit}
    ), ',') as names
    from live_repository r
    where r.project_id = ${projectId} and r.name = ${name} and r.first_pushed_at is not null`.execute(
    db,
  );
  const names = rows[0]?.names;
  return names === '' ? [] : names?.split(',');
}

export interface Tag {
  id: number;
  name: string;
  pushed_at: Date;
  pulled_at: Date | null;
}

const LIST_FIELDS: ListFields = {
  id: integerColumn('t.id'),
  name: textColumn('t.name'),
  pushtime: timeColumn('t.pushed_at'),
  pulltime: { column: sql`coalesce(t.pulled_at, '-infinity')`, type: 'time' },
};

/** Tags of an artifact, the youngest first; with `after` those behind this name, by name. */
export async function listTags(
  db: Db,
  artifact: { id: number },
  { conditions, sort, limit, offset, after }: ListOptions & { after: string | undefined },
): Promise<{ tags: Tag[]; total: number }> {
  const from = sql`
    from live_tag t where t.manifest_id = ${artifact.id} and ${meets(LIST_FIELDS, conditions)}`;
  const page =
    after === undefined
      ? sql`order by ${orderBy(LIST_FIELDS, sort, sql`t.pushed_at desc, t.id desc`)} limit ${limit} offset ${offset}`
      : sql`and t.name > ${after} order by t.name limit ${limit}`;
  const { rows } = await sql<Tag>`
    select t.id, t.name, t.pushed_at, t.pulled_at ${from} ${page}`.execute(db);
  const counted = await sql<{ total: number }>`select count(*) as total ${from}`.execute(db);
  return { tags: rows, total: counted.rows[0]!.total };
}

/**
 * Gives an artifact a tag. Refuses when the name is in use, unless the tag may be moved. False: the artifact is not
 * there any more.
 */
export async function createTag(
  db: Db,
  repository: RepositoryKey,
  { name, digest, moves }: { name: string; digest: Digest; moves: boolean },
  { actor, client }: { actor: string; client: string },
): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    const repositoryId = await lockRepository(tx, repository, 'shared');
    if (repositoryId === undefined) return false;
    const { rows: manifests } = await sql<{ id: number }>`
      select id from manifest
      where repository_id = ${repositoryId} and digest = ${digestToBytes(digest)} and deleted_at is null
      for key share`.execute(tx);
    const [manifest] = manifests;
    if (manifest === undefined) return false;
    const { rows } = await sql<{ is_moved: boolean; previous_digest: string | null }>`
      select move.is_moved, move.previous_digest
      from move_tag(${repositoryId}, ${name}, ${manifest.id}, ${actor}, ${client}) move`.execute(
      tx,
    );
    const [move] = rows;
    if (!moves && (move!.previous_digest !== null || !move!.is_moved)) {
      throw new Refusal(
        'CONFLICT',
        `conflict: the tag ${name} already exists in this repository; with ?move=true it is moved`,
      );
    }
    if (!move!.is_moved) return true;
    await markRepositoryChanged(tx, repositoryId);
    await emit(tx, {
      type: 'tag.moved',
      projectId: repository.projectId,
      subject: { repository: repository.name, tag: name },
      before: { digest: move!.previous_digest },
      after: { digest },
      actor,
      client,
    });
    return true;
  });
}

/** Puts a tag into the trash, if it is one of the artifact `of`; its manifest stays. False: it is not there. */
export async function deleteTag(
  db: Db,
  repository: RepositoryKey,
  { name: tag, of }: { name: string; of?: Digest },
  { actor, client }: { actor: string; client: string },
): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    const repositoryId = await lockRepository(tx, repository, 'shared');
    if (repositoryId === undefined) return false;
    const id = randomUUID();
    const isOf =
      of === undefined
        ? sql`true`
        : sql`manifest_id in (
            select id from live_manifest where repository_id = ${repositoryId} and digest = ${digestToBytes(of)})`;
    const { rows } = await sql<{ digest: Buffer }>`
      with gone as (
        update tag set deleted_at = now(), deletion_id = ${id}
        where repository_id = ${repositoryId} and name = ${tag} and deleted_at is null and ${isOf}
        returning repository_id, name, manifest_id
      )
      insert into tag_history (repository_id, name, digest, previous_digest, actor, client)
      select gone.repository_id, gone.name, null, m.digest, ${actor}, ${client}
      from gone join manifest m on m.id = gone.manifest_id
      returning previous_digest as digest`.execute(tx);
    const [gone] = rows;
    if (gone === undefined) return false;
    const { projectId } = repository;
    await markRepositoryChanged(tx, repositoryId);
    await recordDeletion(tx, {
      id,
      kind: 'tag',
      projectId,
      repositoryId,
      reference: tag,
      actor,
      client,
    });
    await emit(tx, {
      type: 'tag.deleted',
      projectId,
      subject: { repository: repository.name, tag },
      before: { digest: digestFromBytes(gone.digest) },
      actor,
      client,
    });
    return true;
  });
}
