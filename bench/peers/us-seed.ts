/** Fills our database and blob folder without the API: the same rows and files as pushes leave. */
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import pg from 'pg';

import { findRunningPostgres } from '../../src/platform/db/embedded/index.ts';
import { MANIFEST_TYPE, PROJECT, type Content, type StoredRepository } from '../world.ts';

const BATCH = 200;

const digestBytes = (digest: string) =>
  Buffer.concat([Buffer.of(1), Buffer.from(digest.slice(7), 'hex')]);

/** Opens the database of the server that runs on this data folder. */
export async function openDatabase(data: string): Promise<pg.Client> {
  const address = findRunningPostgres(join(data, 'postgres'));
  if (address === undefined) throw new Error('our server runs no PostgreSQL');
  const client = new pg.Client(address);
  await client.connect();
  return client;
}

export async function seedRepositories(
  data: string,
  repositories: Iterable<StoredRepository>,
): Promise<void> {
  const client = await openDatabase(data);
  try {
    await client.query('set synchronous_commit = off');
    const projectId = await findProjectId(client);
    const known = new Set<string>();
    let count = 0;
    await client.query('begin');
    for (const repository of repositories) {
      for (const blob of repository.blobs) {
        if (!known.has(blob.digest)) await insertBlob(client, { data, projectId, blob });
        known.add(blob.digest);
      }
      await insertRepository(client, projectId, repository);
      count += 1;
      if (count % BATCH === 0) await client.query('commit; begin');
    }
    await client.query('commit');
    await settle(client);
  } finally {
    await client.end();
  }
}

/** So that no clean-up of what was just written falls into the measurements. */
async function settle(client: pg.Client): Promise<void> {
  await client.query('vacuum (analyze)');
  await client.query('checkpoint');
}

async function findProjectId(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ id: number }>(
    'select id from live_project where name = $1',
    [PROJECT],
  );
  return rows[0]!.id;
}

async function insertBlob(
  client: pg.Client,
  { data, projectId, blob }: { data: string; projectId: number; blob: Content },
): Promise<void> {
  const uuid = randomUUID();
  const location = `${uuid.slice(0, 2)}/${uuid}`;
  const { rows } = await client.query<{ id: number }>(
    `insert into blob (digest, size_bytes, location) values ($1, $2, $3)
     on conflict (digest) do nothing returning id`,
    [digestBytes(blob.digest), blob.bytes.length, location],
  );
  if (rows[0] === undefined) return; // it was pushed
  writeFileSync(join(data, 'blobs', location), blob.bytes);
  await client.query('insert into project_blob (project_id, blob_id) values ($1, $2)', [
    projectId,
    rows[0].id,
  ]);
}

async function insertRepository(
  client: pg.Client,
  projectId: number,
  { name, blobs, manifests, tags }: StoredRepository,
): Promise<void> {
  await client.query({
    name: 'repository',
    text: `
      with r as (
        insert into repository (project_id, name, first_pushed_at) values ($1, $2, now()) returning id
      ), b as (
        select id from blob where digest = any ($3::bytea[])
      ), rb as (
        insert into repository_blob (repository_id, blob_id) select r.id, b.id from r, b
      ), wanted as (
        select * from unnest($4::bytea[], $5::bytea[]) with ordinality as w (digest, bytes, place)
      ), m as (
        insert into manifest (repository_id, project_id, digest, kind, media_type, size_bytes)
        select r.id, $1, w.digest, 'image', $6, length(w.bytes) from r, wanted w
        returning id, digest
      ), mb as (
        insert into manifest_bytes (manifest_id, bytes)
        select m.id, w.bytes from m join wanted w on w.digest = m.digest
      ), mbl as (
        insert into manifest_blob (manifest_id, repository_id, project_id, blob_id)
        select m.id, r.id, $1, b.id from m, r, b
      )
      insert into tag (repository_id, name, manifest_id)
      select r.id, t.name, m.id
      from r, unnest($7::text[], $8::int[]) as t (name, place)
      join wanted w on w.place = t.place + 1 join m on m.digest = w.digest`,
    values: [
      projectId,
      name,
      blobs.map(({ digest }) => digestBytes(digest)),
      manifests.map(({ digest }) => digestBytes(digest)),
      manifests.map(({ bytes }) => bytes),
      MANIFEST_TYPE,
      tags.map(([tag]) => tag),
      tags.map(([, place]) => place),
    ],
  });
}
