import { sql } from 'kysely';

import type { Db } from '../../../platform/db/connect.ts';

export interface UploadRow {
  id: string;
  repository: string;
  location: string;
  offset_bytes: number;
  storage_state: string | null;
  fence: number;
}

/** Uploads with bytes that nobody writes to at this moment, by their ids. */
export async function listRestingUploads(
  db: Db,
  { after, limit }: { after: string; limit: number },
): Promise<UploadRow[]> {
  const { rows } = await sql<UploadRow>`
    select u.id, r.name as repository, u.location, u.offset_bytes, u.storage_state, u.fence
    from upload u join repository r on r.id = u.repository_id
    where u.id > ${after}::uuid and u.offset_bytes > 0 and coalesce(u.lease_until < now(), true)
    order by u.id limit ${limit}`.execute(db);
  return rows;
}

/** Whether nobody has written to it since: its fence rises for whoever does. */
export async function isUnchanged(
  db: Db,
  { id, fence }: Pick<UploadRow, 'id' | 'fence'>,
): Promise<boolean> {
  const { rows } = await sql`
    select from upload where id = ${id} and fence = ${fence}`.execute(db);
  return rows.length > 0;
}
