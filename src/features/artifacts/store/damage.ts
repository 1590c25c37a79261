import { sql } from 'kysely';

import type { Db } from '../../../platform/db/connect.ts';

/** Takes blobs out of service whose bytes, at these locations, are lost or damaged: until somebody pushes them again. */
export async function markBlobsDamaged(db: Db, locations: string[]): Promise<void> {
  await sql`update blob set damaged_at = now()
    where location = any (${locations}) and damaged_at is null`.execute(db);
}

/** Puts a blob back into service whose bytes, at this location, are right. */
export async function unmarkBlob(db: Db, location: string): Promise<void> {
  await sql`update blob set damaged_at = null where location = ${location}`.execute(db);
}

const hasItsDigest = sql`
  case get_byte(m.digest, 0) when 1 then sha256(b.bytes) else sha512(b.bytes) end = substr(m.digest, 2)`;

/**
 * Gives a manifest the right bytes from another repository; where there are none it goes out of service until somebody
 * pushes it again. Answers whether it has them.
 */
export async function repairManifestBytes(db: Db, id: number): Promise<boolean> {
  const { rows } = await sql<{ bytes: Buffer }>`
    select b.bytes from manifest m join manifest_bytes b on b.manifest_id = m.id
    where m.digest = (select digest from manifest where id = ${id}) and ${hasItsDigest}
    order by m.id = ${id} desc limit 1`.execute(db);
  const bytes = rows[0]?.bytes;
  if (bytes === undefined) {
    await sql`update manifest set damaged_at = coalesce(damaged_at, now()) where id = ${id}`.execute(
      db,
    );
  } else {
    await sql`select replace_manifest_bytes(${id}, ${bytes})`.execute(db);
  }
  return bytes !== undefined;
}

/** Bytes that nothing names. */
export interface UnnamedBytes {
  location: string;
  writer: string;
  /** What removes them and nothing else. */
  removal: string;
  sizeBytes: number;
}

/** Lists bytes for removal that still nothing names. Answers how many. */
export async function listForRemoval(
  db: Db,
  bytes: UnnamedBytes[],
  holdSeconds: number,
): Promise<number> {
  const column = (name: 'location' | 'writer' | 'removal') => bytes.map((each) => each[name]);
  const { numAffectedRows } = await sql`
    insert into blob_deletion (location, size_bytes, not_before)
    select removal, size_bytes, now() + make_interval(secs => ${holdSeconds})
    from unnest(${column('location')}::text[], ${column('writer')}::text[], ${column('removal')}::text[],
                ${bytes.map(({ sizeBytes }) => sizeBytes)}::bigint[]) as u (location, writer, removal, size_bytes)
    where not exists (select from blob b where b.location = u.location)
      and not exists (select from upload up where up.location = u.writer)
    on conflict (location) do nothing`.execute(db);
  return Number(numAffectedRows);
}
