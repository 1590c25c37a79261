import { sql } from 'kysely';

import { notFound, Refusal } from '../../../lib/errors.ts';
import { digestFromBytes, digestToBytes, type Digest } from '../../../oci/digest.ts';
import type { Db } from '../../../platform/db/connect.ts';
import { inTransaction } from '../../../platform/db/transaction.ts';
import type { RepositoryKey } from '../../access/index.ts';
import { lockRepository } from './repositories.ts';

export interface Copy {
  from: RepositoryKey;
  digest: Digest;
  to: RepositoryKey;
  /** Those of its tags that are wanted; all if left out. */
  tags: string[] | undefined;
  actor: string;
  client: string;
}

/** More are not copied in one transaction: others who push the same wait for it. */
const MOST_MANIFESTS = 20_000;
const MOST_TAGS = 10_000;

/**
 * Makes an artifact of one repository an artifact of another one too, with its tags, what it lists, and its signatures and
 * other accessories, which keep their tags: all or nothing, by rows alone. Tags that are there already are moved. False: it
 * is not there any more.
 */
export async function copyArtifact(db: Db, copy: Copy): Promise<boolean> {
  const { from, to, actor, client } = copy;
  return inTransaction(db, async (tx) => {
    const repositoryId = await lockRepository(tx, from, 'shared');
    if (repositoryId === undefined) return false;
    const source = await lockSource(tx, repositoryId, copy.digest);
    if (source === undefined) return false;
    const tags = await chooseTags(tx, source, copy.tags);
    const { rows } = await sql<{ damaged: Buffer[] | null; project_gone: boolean }>`
      select damaged, project_gone from copy_manifests(
        ${source.ids}::bigint[], ${repositoryId}, ${from.name}, ${to.projectId}, ${to.name},
        ${tags.map(({ name }) => name)}::text[], ${tags.map(({ manifest_id }) => manifest_id)}::bigint[],
        ${actor}, ${client})`.execute(tx);
    const { damaged, project_gone } = rows[0]!;
    if (project_gone) throw notFound('project', to.projectId);
    if (damaged !== null) throw isDamaged(damaged);
    return true;
  });
}

interface Source {
  rootId: number;
  /** All that is copied. */
  ids: number[];
}

/** Locked, so that none of it is removed until the copy is committed. */
async function lockSource(
  tx: Db,
  repositoryId: number,
  digest: Digest,
): Promise<Source | undefined> {
  const { rows } = await sql<{ id: number; ids: number[] }>`
    select id, list_artifacts_copied_with(id, ${MOST_MANIFESTS}) as ids from manifest
    where repository_id = ${repositoryId} and digest = ${digestToBytes(digest)} and deleted_at is null
    for key share`.execute(tx);
  const [root] = rows;
  if (root === undefined) return undefined;
  if (root.ids.length > MOST_MANIFESTS) {
    throw new Refusal(
      'BAD_REQUEST',
      `bad request: more than ${MOST_MANIFESTS} manifests belong to this artifact; copy it with a client such as crane`,
    );
  }
  const locked = await sql<{ id: number }>`
    select id from manifest where id = any (${root.ids}::bigint[]) and deleted_at is null order by id for key share`.execute(
    tx,
  );
  return { rootId: root.id, ids: locked.rows.map(({ id }) => id) };
}

interface TagOf {
  name: string;
  manifest_id: number;
}

/** Tags of the artifact, and those of its accessories: clients find signatures by them. */
async function chooseTags(
  tx: Db,
  { rootId, ids }: Source,
  wanted: string[] | undefined,
): Promise<TagOf[]> {
  const isWanted = wanted === undefined ? sql`true` : sql`t.name = any (${wanted}::text[])`;
  const { rows } = await sql<TagOf>`
    select t.name, t.manifest_id from live_manifest m join live_tag t on t.manifest_id = m.id
    where m.id = any (${ids}::bigint[])
      and case m.id when ${rootId} then ${isWanted} else m.accessory_type is not null end
    limit ${MOST_TAGS + 1}`.execute(tx);
  const names = rows.filter(({ manifest_id }) => manifest_id === rootId).map(({ name }) => name);
  const missing = new Set(wanted).difference(new Set(names));
  if (missing.size > 0) {
    throw new Refusal(
      'BAD_REQUEST',
      `bad request: the artifact has no tag ${[...missing].slice(0, 20).join(', ')}`,
    );
  }
  if (rows.length <= MOST_TAGS) return rows;
  throw new Refusal(
    'BAD_REQUEST',
    `bad request: more than ${MOST_TAGS} tags belong to this artifact; name those to copy, with ?tags=`,
  );
}

function isDamaged(digests: Buffer[]): Refusal {
  const shown = digests.slice(0, 20).map((bytes) => digestFromBytes(bytes));
  return new Refusal(
    'PRECONDITION',
    `precondition failed: bytes of the artifact are lost or damaged; push it again first: ${shown.join(', ')}`,
    { detail: { digests: shown } },
  );
}
