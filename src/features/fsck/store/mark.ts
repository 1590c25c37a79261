import { sql } from 'kysely';

import type { Db } from '../../../platform/db/connect.ts';

/** What a store has to be marked with to be the one of this database. */
export interface Mark {
  id: string;
  /** False: nobody has marked a store yet. */
  isWritten: boolean;
}

export async function ensureMark(db: Db): Promise<void> {
  await sql`insert into store_mark (id) values (gen_random_uuid()) on conflict do nothing`.execute(
    db,
  );
}

/** Lets a store without a mark count as the one of this database once more, if it holds its blobs. */
export async function forgetMark(db: Db): Promise<void> {
  await sql`update store_mark set is_written = false`.execute(db);
}

/** Forgets the mark for a new one that no store has. */
export async function renewMark(db: Db): Promise<void> {
  await sql`update store_mark set id = gen_random_uuid(), is_written = false`.execute(db);
}

/** Nobody else marks a store until the transaction ends. */
export async function lockMark(tx: Db): Promise<Mark> {
  const { rows } = await sql<Mark>`
    select id, is_written as "isWritten" from store_mark for update`.execute(tx);
  return rows[0]!;
}

export async function markWritten(tx: Db): Promise<void> {
  await sql`update store_mark set is_written = true`.execute(tx);
}

/** Where the bytes of some blobs should be. */
export async function listNewestBlobs(db: Db): Promise<string[]> {
  const { rows } = await sql<{ location: string }>`
    select location from blob where damaged_at is null order by id desc limit 10`.execute(db);
  return rows.map(({ location }) => location);
}
