import { sql } from 'kysely';

import { digestFromBytes, type Digest } from '../../oci/digest.ts';
import type { Db } from '../../platform/db/connect.ts';

/** Which registry a database is of; older versions gave it no name. */
export async function findRegistryId(db: Db): Promise<string | undefined> {
  if (!(await isTable(db, 'registry_identity'))) return undefined;
  return (await db.selectFrom('registry_identity').select('id').executeTakeFirst())?.id;
}

/** The moment that a transaction shows. */
export interface Moment {
  postgres: string;
  made_at: Date;
  snapshot: string;
}

export async function findMoment(tx: Db): Promise<Moment> {
  const { rows } = await sql<Moment>`
    select current_setting('server_version') as postgres, now() as made_at,
      pg_current_snapshot()::text as snapshot`.execute(tx);
  return rows[0]!;
}

/** What the registry sealed with its secret key, if it has begun to. */
export async function findSecretCheck(db: Db): Promise<Buffer | undefined> {
  if (!(await isTable(db, 'secret_check'))) return undefined;
  return (await db.selectFrom('secret_check').select('sealed').executeTakeFirst())?.sealed;
}

/** A database of an older version may lack it, an empty one lacks all. */
async function isTable(db: Db, name: string): Promise<boolean> {
  const { rows } = await sql<{ is_there: boolean }>`
    select to_regclass(${name}) is not null as is_there`.execute(db);
  return rows[0]!.is_there;
}

/** Blobs with bytes: those that are known to be lost wait for a new push. Older versions did not know. */
async function wholeBlobs(db: Db): Promise<string> {
  return (await isColumn(db, 'blob', 'damaged_at'))
    ? 'from blob where damaged_at is null'
    : 'from blob';
}

/** For `copyOut`: digest, size and location of each blob, in the order of the digests. */
export async function listBlobsStatement(db: Db): Promise<string> {
  return `
    copy (
      select case get_byte(digest, 0) when 1 then 'sha256:' else 'sha512:' end || encode(substr(digest, 2), 'hex'),
        size_bytes, location
      ${await wholeBlobs(db)} order by digest
    ) to stdout`;
}

async function isColumn(db: Db, table: string, column: string): Promise<boolean> {
  const { rows } = await sql`
    select from pg_attribute
    where attrelid = to_regclass(${table}) and attname = ${column} and not attisdropped`.execute(
    db,
  );
  return rows.length > 0;
}

export interface Amount {
  count: number;
  bytes: number;
}

export async function sumBlobs(db: Db): Promise<Amount> {
  const { rows } = await sql<Amount>`
    select count(*) as count, coalesce(sum(size_bytes), 0)::bigint as bytes
    ${sql.raw(await wholeBlobs(db))}`.execute(db);
  return rows[0]!;
}

export interface UnfinishedRestore {
  backup: string;
  folder: string;
}

/** The restore that this database waits for, if it does. */
export async function findUnfinishedRestore(db: Db): Promise<UnfinishedRestore | undefined> {
  if (!(await isTable(db, 'unfinished_restore'))) return undefined;
  return db.selectFrom('unfinished_restore').select(['backup', 'folder']).executeTakeFirst();
}

/** Marks the database as half restored. `areBlobsThere`: the store has their bytes already. */
export async function insertUnfinishedRestore(
  tx: Db,
  restore: UnfinishedRestore,
  { areBlobsThere }: { areBlobsThere: boolean },
): Promise<void> {
  await tx.insertInto('unfinished_restore').values(restore).execute();
  if (areBlobsThere) return;
  await sql`insert into unrestored_blob (blob_id) select id from blob`.execute(tx);
}

export async function deleteUnfinishedRestore(tx: Db): Promise<void> {
  await tx.deleteFrom('unfinished_restore').execute();
}

export async function sumUnrestored(db: Db): Promise<Amount> {
  const { rows } = await sql<Amount>`
    select count(*) as count, coalesce(sum(b.size_bytes), 0)::bigint as bytes
    from unrestored_blob u join blob b on b.id = u.blob_id`.execute(db);
  return rows[0]!;
}

export interface UnrestoredBlob {
  id: number;
  digest: Digest;
  sizeBytes: number;
  /** Its bytes were lost before the backup. */
  isDamaged: boolean;
}

/** Blobs whose bytes come together. */
const BATCH = 200;
const BATCH_BYTES = 128 * 1024 * 1024;

/** Those whose bytes are not there yet; each once, also when it stays on the list. Large ones come alone. */
export async function* eachUnrestored(db: Db): AsyncGenerator<UnrestoredBlob[], void> {
  for (let after = 0; ;) {
    const { rows } = await sql<{
      id: number;
      digest: Buffer;
      size_bytes: number;
      is_damaged: boolean;
    }>`
      select b.id, b.digest, b.size_bytes, b.damaged_at is not null as is_damaged
      from unrestored_blob u join blob b on b.id = u.blob_id
      where u.blob_id > ${after} order by u.blob_id limit ${BATCH}`.execute(db);
    let bytes = 0;
    const fitting = rows.findIndex(({ size_bytes }) => (bytes += size_bytes) > BATCH_BYTES);
    const batch = rows.slice(0, fitting === -1 ? rows.length : Math.max(fitting, 1));
    if (batch.length === 0) return;
    yield batch.map(({ id, digest, size_bytes, is_damaged }) => ({
      id,
      digest: digestFromBytes(digest),
      sizeBytes: size_bytes,
      isDamaged: is_damaged,
    }));
    after = batch.at(-1)!.id;
  }
}

/** Answers which of them were on the list still: the others somebody else has restored meanwhile. */
export async function deleteUnrestored(tx: Db, ids: readonly number[]): Promise<Set<number>> {
  const { rows } = await sql<{ blob_id: number }>`
    delete from unrestored_blob where blob_id = any (${ids}) returning blob_id`.execute(tx);
  return new Set(rows.map(({ blob_id }) => blob_id));
}

/** Tells the planner what came. */
export async function analyze(db: Db): Promise<void> {
  await sql`analyze`.execute(db);
}
