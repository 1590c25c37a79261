import { sql } from 'kysely';

import { digestFromBytes } from '../../../oci/digest.ts';
import type { Db } from '../../../platform/db/connect.ts';
import type { BlobRow } from './shards.ts';

/** Blobs by their ids, those above `after`. */
export async function listBlobs(
  db: Db,
  { after, limit }: { after: number; limit: number },
): Promise<BlobRow[]> {
  const { rows } = await sql<Omit<BlobRow, 'digest'> & { digest: Buffer }>`
    select id, digest, location, size_bytes as "sizeBytes", damaged_at is not null as "isDamaged"
    from blob where id > ${after} order by id limit ${limit}`.execute(db);
  return rows.map((row) => ({ ...row, digest: digestFromBytes(row.digest) }));
}

/** Of those above `after`. */
export async function sumBlobBytes(db: Db, after: number): Promise<number> {
  const { rows } = await sql<{ bytes: number }>`
    select coalesce(sum(size_bytes), 0)::bigint as bytes from blob where id > ${after}`.execute(db);
  return rows[0]!.bytes;
}

/** Whether it is still there with these bytes. */
export async function isSameBlob(
  db: Db,
  { id, location, isDamaged }: Pick<BlobRow, 'id' | 'location' | 'isDamaged'>,
): Promise<boolean> {
  const { rows } = await sql`
    select from blob where id = ${id} and location = ${location}
      and (damaged_at is not null) = ${isDamaged}`.execute(db);
  return rows.length > 0;
}
