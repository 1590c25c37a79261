import { sql } from 'kysely';

import { digestFromBytes, type Digest } from '../../../oci/digest.ts';
import type { Db } from '../../../platform/db/connect.ts';

export interface BlobRow {
  id: number;
  digest: Digest;
  location: string;
  sizeBytes: number;
  /** It is out of service. */
  isDamaged: boolean;
}

/** What rows say of a shard of the store, as of one moment. */
export interface ShardRows {
  blobs: BlobRow[];
  /** Where uploads under way have their writer. */
  uploads: Set<string>;
  /** What is on the list of what to delete. */
  deletions: Set<string>;
}

interface Row {
  kind: 'blob' | 'upload' | 'deletion';
  location: string;
  id: number | null;
  digest: Buffer | null;
  size_bytes: number | null;
  is_damaged: boolean | null;
}

export async function readShardRows(db: Db, shard: string): Promise<ShardRows> {
  // Behind '/' comes '0'.
  const isInShard = sql`location >= ${`${shard}/`} and location < ${`${shard}0`}`;
  // One statement: bytes whose upload is just becoming a blob are in one of the two.
  const { rows } = await sql<Row>`
    select 'blob' as kind, location, id, digest, size_bytes, damaged_at is not null as is_damaged
      from blob where ${isInShard}
    union all
    select 'upload', location, null, null, null, null from upload where ${isInShard}
    union all
    select 'deletion', location, null, null, null, null from blob_deletion where ${isInShard}`.execute(
    db,
  );
  const found: ShardRows = { blobs: [], uploads: new Set(), deletions: new Set() };
  for (const { kind, location, id, digest, size_bytes, is_damaged } of rows) {
    if (kind === 'upload') found.uploads.add(location);
    else if (kind === 'deletion') found.deletions.add(location);
    else {
      found.blobs.push({
        id: id!,
        digest: digestFromBytes(digest!),
        location,
        sizeBytes: size_bytes!,
        isDamaged: is_damaged!,
      });
    }
  }
  return found;
}
