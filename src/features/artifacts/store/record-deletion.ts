import { sql } from 'kysely';

import type { Db } from '../../../platform/db/connect.ts';

/** What was put into the trash, and by whom; `id` is the `deletion_id` of all rows that went. */
export interface NewDeletion {
  id: string;
  kind: 'tag' | 'artifact' | 'repository';
  projectId: number;
  repositoryId: number;
  /** The tag, or the digest of the artifact. */
  reference: string;
  actor: string;
  client: string;
}

/** Makes the trash show what the transaction deletes. */
export async function recordDeletion(tx: Db, deletion: NewDeletion): Promise<void> {
  const { id, kind, projectId, repositoryId, reference, actor, client } = deletion;
  await sql`select record_deletion(
    ${id}, ${kind}, ${projectId}, ${repositoryId}, ${reference}, ${actor}, ${client})`.execute(tx);
}
