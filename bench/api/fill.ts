/** Fills our database without the API, in the shape of Harbor's own performance suite: the rows that pushes leave. */
import { createHash } from 'node:crypto';

import type { Client } from 'pg';

import { MANIFEST_TYPE } from '../world.ts';

export interface Sizes {
  projects: number;
  repositories: number;
  artifacts: number;
  tags: number;
  users: number;
  members: number;
  events: number;
}

/** Of Harbor's suite, its size `medium`. */
export const FULL: Sizes = {
  projects: 200,
  repositories: 200,
  artifacts: 20,
  tags: 10,
  users: 10_000,
  members: 100,
  events: 5_000_000,
};

/** A thousandth of all artifacts, tags and events, with as many rows on each page. */
export const THOUSANDTH: Sizes = {
  projects: 8,
  repositories: 10,
  artifacts: 10,
  tags: 10,
  users: 10,
  members: 8,
  events: 5000,
};

const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const ADMIN = `(select min(id) from user_account)`;
const EVENTS_AT_ONCE = 100_000;
/** A blob is its name this often: about a kilobyte. */
const REPEATED = 24;

/** The events come last. */
export async function isFilled(client: Client, { events }: Sizes): Promise<boolean> {
  const { rows } = await client.query<{ last_seq: number }>(
    'select last_seq from event_dispatcher',
  );
  return Number(rows[0]!.last_seq) >= events;
}

/** `member`, who was made with the API, becomes a developer in every second project. */
export async function fill(client: Client, sizes: Sizes, member: string): Promise<void> {
  await client.query('set synchronous_commit = off');
  await client.query(
    `insert into user_account (username, email, realname)
     select n, n || '@example.com', n from generate_series(1, $1::int) i, format('user-%s', to_char(i, 'FM00000')) n`,
    [sizes.users],
  );
  for (let project = 1; project <= sizes.projects; project += 1) {
    await fillProject(client, { ...sizes, project, member });
  }
  await fillEvents(client, sizes);
  await client.query('vacuum (analyze)');
  await client.query('checkpoint');
}

interface ProjectSizes extends Omit<Sizes, 'projects' | 'users' | 'events'> {
  project: number;
  member: string;
}

/** In a transaction of its own. */
export async function fillProject(client: Client, sizes: ProjectSizes): Promise<void> {
  const name = projectName(sizes.project);
  await client.query('begin');
  const { rows } = await client.query<{ id: number }>(
    `with p as (
       insert into project (name, owner_id, is_public) values ($1, ${ADMIN}, $2) returning id
     ), q as (
       insert into project_quota (project_id) select id from p
     ), u as (
       insert into project_usage (project_id, share) select id, 0 from p
     ), m as (
       insert into member (project_id, user_id, role_id)
       select p.id, u.id, case when u.username = $3 then 2 else 3 end from p, (
         (select id, username from user_account where username like 'user-%' order by id limit $4)
         union all
         select id, username from user_account where username = $3 and $5
       ) u
     )
     select id from p`,
    [name, sizes.project % 10 === 0, sizes.member, sizes.members, sizes.project % 2 === 0],
  );
  const { id } = rows[0]!;
  await client.query(
    `with r as (
       insert into repository (project_id, name, first_pushed_at, artifact_count, pull_count)
       select $1, $2 || '/repository-' || to_char(n, 'FM00000'), now(), $3, n % 97
       from generate_series(1, $4::int) n returning id
     )
     insert into repository_number (project_id, number) select $1, count(*) from r`,
    [id, name, sizes.artifacts, sizes.repositories],
  );
  await fillArtifacts(client, id, sizes);
  await client.query(
    `update project_usage set bytes = (
       select sum(b.size_bytes) from project_blob pb join blob b on b.id = pb.blob_id where pb.project_id = $1
     ) + (select sum(size_bytes) from manifest where project_id = $1)
     where project_id = $1`,
    [id],
  );
  await client.query('commit');
}

/** The bytes of an artifact's one blob, and where they belong in our store: only rows are written here. */
export function blobOf(repository: string, place: number): { bytes: Buffer; location: string } {
  const bytes = Buffer.from(`${repository}:${place} `.repeat(REPEATED));
  const hex = createHash('md5').update(bytes).digest('hex');
  const name = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return { bytes, location: `${name.slice(0, 2)}/${name}` };
}

export const projectName = (project: number) => `project-${String(project).padStart(5, '0')}`;
export const repositoryName = (project: number, repository: number) =>
  `${projectName(project)}/repository-${String(repository).padStart(5, '0')}`;

async function fillArtifacts(
  client: Client,
  projectId: number,
  sizes: ProjectSizes,
): Promise<void> {
  await client.query(
    `with wanted as materialized (
       select r.id as repository_id, a.place, blob, bytes,
              '\\x01'::bytea || sha256(blob) as blob_digest, '\\x01'::bytea || sha256(bytes) as digest
       from repository r, generate_series(1, $2::int) as a (place),
            convert_to(repeat(r.name || ':' || a.place || ' ', ${REPEATED}), 'UTF8') as blob,
            lateral (select convert_to(json_build_object(
              'schemaVersion', 2, 'mediaType', $3::text,
              'config', json_build_object('mediaType', '${CONFIG_TYPE}', 'size', length(blob),
                'digest', 'sha256:' || encode(sha256(blob), 'hex')),
              'layers', json_build_array()
            )::text, 'UTF8') as bytes) as manifest
       where r.project_id = $1
     ), b as (
       insert into blob (digest, size_bytes, location)
       select blob_digest, length(blob), left(name, 2) || '/' || name
       from wanted, cast(cast(md5(blob) as uuid) as text) as name returning id, digest
     ), rb as (
       insert into repository_blob (repository_id, blob_id)
       select w.repository_id, b.id from wanted w join b on b.digest = w.blob_digest
     ), pb as (
       insert into project_blob (project_id, blob_id) select $1, id from b
     ), m as (
       insert into manifest (repository_id, project_id, digest, kind, media_type, config_media_type, size_bytes,
                             content_bytes, type, pushed_at)
       select repository_id, $1, digest, 'image', $3, '${CONFIG_TYPE}', length(bytes), length(blob) + length(bytes), 'IMAGE',
              now() - make_interval(mins => place)
       from wanted returning id, digest, repository_id
     ), mb as (
       insert into manifest_bytes (manifest_id, bytes)
       select m.id, w.bytes from wanted w join m on m.digest = w.digest and m.repository_id = w.repository_id
     ), ma as (
       insert into manifest_attributes (manifest_id, attributes)
       select id, '{"architecture":"amd64","os":"linux","author":""}' from m
     ), mbl as (
       insert into manifest_blob (manifest_id, repository_id, project_id, blob_id)
       select m.id, m.repository_id, $1, b.id
       from wanted w join m on m.digest = w.digest and m.repository_id = w.repository_id
       join b on b.digest = w.blob_digest
     )
     insert into tag (repository_id, name, manifest_id)
     select m.repository_id, format('v%s.%s', w.place, t), m.id
     from wanted w join m on m.digest = w.digest and m.repository_id = w.repository_id, generate_series(1, $4::int) t`,
    [projectId, sizes.artifacts, MANIFEST_TYPE, sizes.tags],
  );
}

/** Of the ten months before now, told by the users to the projects in turn. */
async function fillEvents(client: Client, { events, projects, users }: Sizes): Promise<void> {
  for (let month = 0; month <= 11; month += 1) {
    await client.query(`select ensure_event_partition(now() - make_interval(months => $1))`, [
      month,
    ]);
  }
  for (let first = 1; first <= events; first += EVENTS_AT_ONCE) {
    await client.query(
      `with p as (
         select id, name, row_number() over (order by id) - 1 as place from project where name like 'project-%'
       ), told as (
         select n, now() - (interval '300 days' * ($3::float8 - n) / $3) - interval '1 hour' as at,
                (array['artifact.pulled', 'artifact.pushed', 'tag.moved', 'artifact.deleted'])[1 + n % 4] as type,
                (array['pull', 'create', 'update', 'delete'])[1 + n % 4] as operation
         from generate_series($1::int, $2::int) n
       )
       insert into event (seq, type, project_id, subject, actor, address, client, operation, resource_type, resource,
                          occurred_at, recorded_at)
       select last_seq + n, type, p.id, jsonb_build_object('repository', p.name || '/repository-00001'),
              'user-' || to_char(1 + n % $4::int, 'FM00000'), '192.0.2.' || n % 100, 'docker/28', operation, 'artifact',
              p.name || '/repository-00001:v1.1', at, at
       from event_dispatcher, told join p on p.place = n % $5::int`,
      [first, Math.min(first + EVENTS_AT_ONCE - 1, events), events, users, projects],
    );
  }
  await client.query('update event_dispatcher set last_seq = (select max(seq) from event)');
}
