import { randomUUID } from 'node:crypto';

import { sql } from 'kysely';

import { digestFromBytes } from '../../../oci/digest.ts';
import type { Db } from '../../../platform/db/connect.ts';
import { emit } from '../../../platform/events/index.ts';
import { inTransaction } from '../../../platform/db/transaction.ts';
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

/** Puts a tag into the trash; its manifest stays. False: it is not there. */
export async function deleteTag(
  db: Db,
  repository: RepositoryKey,
  tag: string,
  { actor, client }: { actor: string; client: string },
): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    const repositoryId = await lockRepository(tx, repository, 'shared');
    if (repositoryId === undefined) return false;
    const id = randomUUID();
    const { rows } = await sql<{ digest: Buffer }>`
      with gone as (
        update tag set deleted_at = now(), deletion_id = ${id}
        where repository_id = ${repositoryId} and name = ${tag} and deleted_at is null
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
