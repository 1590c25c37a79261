import { sql } from 'kysely';

import { digestToBytes, type Digest } from '../../../oci/digest.ts';
import type { Db } from '../../../platform/db/connect.ts';
import type { StoredBytes } from './attributes.ts';

/** The bytes of a manifest; undefined when it was removed meanwhile. */
export async function findBytesOf(db: Db, { id }: { id: number }): Promise<Buffer | undefined> {
  const row = await db
    .selectFrom('manifest_bytes')
    .select('bytes')
    .where('manifest_id', '=', id)
    .executeTakeFirst();
  return row?.bytes;
}

/** A blob that the repository of an artifact serves. */
export async function findBlobOf(
  db: Db,
  { repository_id }: { repository_id: number },
  digest: Digest,
): Promise<StoredBytes | undefined> {
  const { rows } = await sql<StoredBytes>`
    select b.location, b.size_bytes
    from blob b join repository_blob rb on rb.blob_id = b.id and rb.is_served
    where b.digest = ${digestToBytes(digest)} and rb.repository_id = ${repository_id} and b.damaged_at is null`.execute(
    db,
  );
  return rows[0];
}
