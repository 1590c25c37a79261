-- `name` is the whole name, project included: catalogs are in the byte order of whole names.
create table repository (
  id bigint generated always as identity primary key,
  project_id bigint not null references project,
  name text collate "C" not null,
  first_pushed_at timestamptz, -- null: blobs were uploaded, but nothing can be pulled yet
  created_at timestamptz not null default now(),
  deleted_at timestamptz,
  deletion_id uuid
);
create unique index repository_live_name on repository (project_id, name) where deleted_at is null;
create index repository_catalog on repository (name) where deleted_at is null and first_pushed_at is not null;
create view live_repository as
  select id, project_id, name, first_pushed_at, created_at from repository where deleted_at is null;

-- The bytes of a blob are stored once, under a key that is never used again. Digests are one byte for
-- the algorithm (1 sha256, 2 sha512) and the hash.
create table blob (
  id bigint generated always as identity primary key,
  digest bytea not null unique,
  size_bytes bigint not null check (size_bytes >= 0),
  location text collate "C" not null unique,
  created_at timestamptz not null default now()
);

-- A repository serves only what was pushed or mounted into it.
create table repository_blob (
  repository_id bigint not null references repository on delete cascade,
  blob_id bigint not null references blob,
  touched_at timestamptz not null default now(), -- its grace period starts here
  is_served boolean not null default true, -- false: deleted by a client, kept for what is in the trash
  primary key (repository_id, blob_id)
);
create index repository_blob_blob on repository_blob (blob_id);

-- A blob counts once in a project's quota.
create table project_blob (
  project_id bigint not null references project on delete cascade,
  blob_id bigint not null references blob,
  primary key (project_id, blob_id)
);
create index project_blob_blob on project_blob (blob_id);

-- "Perhaps unreferenced": the collector looks closer. Being wrong does no harm.
create table blob_candidate (
  blob_id bigint primary key references blob on delete cascade,
  check_after timestamptz not null
);
create index blob_candidate_check_after on blob_candidate (check_after);

-- Bytes to remove from the store: the only list of what to delete. No foreign key: their blob is gone.
create table blob_deletion (
  location text collate "C" primary key,
  size_bytes bigint not null,
  not_before timestamptz not null,
  attempts integer not null default 0,
  last_error text
);
create index blob_deletion_not_before on blob_deletion (not_before);

create table manifest (
  id bigint generated always as identity primary key,
  repository_id bigint not null references repository,
  project_id bigint not null references project,
  digest bytea not null,
  kind text not null check (kind in ('image', 'index')),
  media_type text not null,
  artifact_type text, -- as the referrers API shows it
  subject_digest bytea,
  annotations jsonb not null default '{}',
  size_bytes bigint not null,
  pushed_at timestamptz not null default now(),
  deleted_at timestamptz,
  deletion_id uuid
);
create unique index manifest_live_digest on manifest (repository_id, digest) where deleted_at is null;
create index manifest_live_subject on manifest (repository_id, subject_digest, id)
  where deleted_at is null and subject_digest is not null;
create index manifest_project on manifest (project_id);
create view live_manifest as
  select id, repository_id, project_id, digest, kind, media_type, artifact_type, subject_digest, annotations,
         size_bytes, pushed_at
  from manifest where deleted_at is null;

-- The bytes as they were pushed: the digest is over them, and they are what is served.
create table manifest_bytes (
  manifest_id bigint primary key references manifest on delete cascade,
  bytes bytea not null
);

create table manifest_blob (
  manifest_id bigint not null references manifest on delete cascade,
  repository_id bigint not null,
  project_id bigint not null,
  blob_id bigint not null,
  primary key (manifest_id, blob_id),
  foreign key (repository_id, blob_id) references repository_blob,
  foreign key (project_id, blob_id) references project_blob
);
create index manifest_blob_repository on manifest_blob (blob_id, repository_id);
create index manifest_blob_project on manifest_blob (blob_id, project_id);

-- Blobs that a manifest refers to and that were not in its repository when it was pushed: a sparse image,
-- allowed by configuration only. They are linked when they come.
create table manifest_missing_blob (
  manifest_id bigint not null references manifest on delete cascade,
  repository_id bigint not null,
  digest bytea not null,
  primary key (manifest_id, digest)
);
create index manifest_missing_blob_digest on manifest_missing_blob (repository_id, digest);

-- What an index lists. A child may be missing (a sparse index) and may come later.
create table manifest_child (
  manifest_id bigint not null references manifest on delete cascade,
  digest bytea not null,
  child_id bigint references manifest on delete set null,
  primary key (manifest_id, digest)
);
create index manifest_child_child on manifest_child (child_id);
create index manifest_child_missing on manifest_child (digest) where child_id is null;

create table tag (
  id bigint generated always as identity primary key,
  repository_id bigint not null references repository,
  name text collate "C" not null,
  manifest_id bigint not null references manifest,
  pushed_at timestamptz not null default now(),
  deleted_at timestamptz,
  deletion_id uuid
);
create unique index tag_live_name on tag (repository_id, name) include (manifest_id) where deleted_at is null;
create index tag_manifest on tag (manifest_id);
create view live_tag as
  select id, repository_id, name, manifest_id, pushed_at from tag where deleted_at is null;

-- Every move of a tag. `digest` is null when the tag was deleted.
create table tag_history (
  id bigint generated always as identity primary key,
  repository_id bigint not null references repository on delete cascade,
  name text collate "C" not null,
  digest bytea,
  previous_digest bytea,
  actor text not null,
  client text not null,
  moved_at timestamptz not null default now()
);
create index tag_history_name on tag_history (repository_id, name, id);

-- Finds the live repository `p_name` of a project, or makes it. Null: the project is gone.
create function ensure_repository(p_project_id bigint, p_name text) returns bigint language plpgsql as $$
declare
  v_id bigint;
begin
  loop
    -- A project is deleted under FOR UPDATE, so this either waits for it or holds it off.
    perform from project where id = p_project_id and deleted_at is null for key share;
    if not found then return null; end if;
    select id into v_id from live_repository where project_id = p_project_id and name = p_name;
    if found then return v_id; end if;
    insert into repository (project_id, name) values (p_project_id, p_name)
      on conflict (project_id, name) where deleted_at is null do nothing returning id into v_id;
    if found then return v_id; end if;
  end loop;
end $$;

-- Gives a blob that has come to a repository to the sparse images there that wait for it.
create function link_missing_blob(p_repository_id bigint, p_blob_id bigint, p_digest bytea)
returns void language plpgsql as $$
begin
  -- Either the push of such an image sees the blob, or we see its row.
  perform pg_advisory_xact_lock_shared(p_repository_id);
  if not exists (
    select from manifest_missing_blob where repository_id = p_repository_id and digest = p_digest
  ) then return; end if;
  insert into project_blob (project_id, blob_id)
    select project_id, p_blob_id from repository where id = p_repository_id on conflict do nothing;
  with linked as (
    delete from manifest_missing_blob where repository_id = p_repository_id and digest = p_digest
    returning manifest_id
  )
  insert into manifest_blob (manifest_id, repository_id, project_id, blob_id)
    select m.id, m.repository_id, m.project_id, p_blob_id from linked join manifest m on m.id = linked.manifest_id
    on conflict do nothing;
end $$;

-- Records bytes that are durable at `p_location` as a blob of the repository. Answers whether those bytes
-- are used; if the same blob was there before, they are listed for removal instead.
create function commit_blob(p_repository_id bigint, p_digest bytea, p_size_bytes bigint, p_location text)
returns boolean language plpgsql as $$
declare
  v_blob_id bigint;
  v_is_new boolean := false;
begin
  loop
    select id into v_blob_id from blob where digest = p_digest for key share;
    exit when found;
    insert into blob (digest, size_bytes, location) values (p_digest, p_size_bytes, p_location)
      on conflict (digest) do nothing returning id into v_blob_id;
    v_is_new := found;
    exit when v_is_new;
  end loop;
  if not v_is_new then
    insert into blob_deletion (location, size_bytes, not_before) values (p_location, p_size_bytes, now());
  end if;
  insert into repository_blob (repository_id, blob_id) values (p_repository_id, v_blob_id)
    on conflict (repository_id, blob_id) do update set touched_at = now(), is_served = true;
  insert into blob_candidate (blob_id, check_after) values (v_blob_id, now() + interval '1 day')
    on conflict (blob_id) do nothing;
  perform link_missing_blob(p_repository_id, v_blob_id, p_digest);
  return v_is_new;
end $$;

-- Points a tag at a manifest and keeps the move in the history.
create function move_tag(p_repository_id bigint, p_name text, p_manifest_id bigint, p_actor text, p_client text)
returns void language plpgsql as $$
declare
  v_tag tag;
begin
  loop
    select * into v_tag from tag
      where repository_id = p_repository_id and name = p_name and deleted_at is null for update;
    if found then
      update tag set manifest_id = p_manifest_id, pushed_at = now() where id = v_tag.id;
      exit;
    end if;
    insert into tag (repository_id, name, manifest_id) values (p_repository_id, p_name, p_manifest_id)
      on conflict (repository_id, name) where deleted_at is null do nothing;
    exit when found;
  end loop;
  if v_tag.manifest_id is distinct from p_manifest_id then
    insert into tag_history (repository_id, name, digest, previous_digest, actor, client)
    values (
      p_repository_id, p_name, (select digest from manifest where id = p_manifest_id),
      (select digest from manifest where id = v_tag.manifest_id), p_actor, p_client
    );
  end if;
end $$;

-- Stores a manifest with all it refers to, and its tags, or says which blobs are missing (nothing is
-- changed then, unless `p_allow_missing`). `repository_gone` is true when the repository was deleted meanwhile.
create function push_manifest(
  p_repository_id bigint, p_project_id bigint, p_digest bytea, p_kind text, p_media_type text,
  p_artifact_type text, p_subject_digest bytea, p_annotations jsonb, p_bytes bytea,
  p_blobs bytea[], p_allow_missing boolean, p_children bytea[], p_tags text[], p_actor text, p_client text,
  out manifest_id bigint, out missing_blobs bytea[], out repository_gone boolean
) language plpgsql as $$
declare
  v_tag text;
begin
  perform from repository r join project p on p.id = r.project_id
    where r.id = p_repository_id and r.deleted_at is null and p.deleted_at is null for key share;
  repository_gone := not found;
  if repository_gone then return; end if;

  if p_allow_missing then perform pg_advisory_xact_lock(p_repository_id); end if;
  select array_agg(wanted.digest) into missing_blobs
  from unnest(p_blobs) as wanted (digest)
  where not exists (
    select from blob b join repository_blob rb on rb.blob_id = b.id
    where b.digest = wanted.digest and rb.repository_id = p_repository_id and rb.is_served
  );
  if missing_blobs is not null and not p_allow_missing then return; end if;

  loop
    -- A manifest is deleted under FOR UPDATE: what is found here stays until this transaction ends.
    select m.id into manifest_id from manifest m
      where m.repository_id = p_repository_id and m.digest = p_digest and m.deleted_at is null for key share;
    exit when found;
    insert into manifest (repository_id, project_id, digest, kind, media_type, artifact_type, subject_digest,
                          annotations, size_bytes)
    values (p_repository_id, p_project_id, p_digest, p_kind, p_media_type, p_artifact_type, p_subject_digest,
            p_annotations, length(p_bytes))
    on conflict (repository_id, digest) where deleted_at is null do nothing
    returning id into manifest_id;
    if found then
      perform store_manifest_parts(
        manifest_id, p_repository_id, p_project_id, p_digest, p_bytes, p_blobs, missing_blobs, p_children
      );
      exit;
    end if;
  end loop;

  foreach v_tag in array (select coalesce(array_agg(distinct t order by t), '{}') from unnest(p_tags) t) loop
    perform move_tag(p_repository_id, v_tag, manifest_id, p_actor, p_client);
  end loop;
  update repository r set first_pushed_at = now() where r.id = p_repository_id and r.first_pushed_at is null;
end $$;

create function store_manifest_parts(
  p_manifest_id bigint, p_repository_id bigint, p_project_id bigint, p_digest bytea, p_bytes bytea,
  p_blobs bytea[], p_missing_blobs bytea[], p_children bytea[]
) returns void language plpgsql as $$
begin
  p_blobs := array(select unnest(p_blobs) except select unnest(p_missing_blobs));
  insert into manifest_missing_blob (manifest_id, repository_id, digest)
    select p_manifest_id, p_repository_id, unnest(p_missing_blobs);
  insert into manifest_bytes (manifest_id, bytes) values (p_manifest_id, p_bytes);
  -- In the order of blob ids, so that two pushes with the same layers can't wait for each other.
  insert into project_blob (project_id, blob_id)
    select p_project_id, b.id from blob b where b.digest = any (p_blobs) order by b.id
    on conflict do nothing;
  insert into manifest_blob (manifest_id, repository_id, project_id, blob_id)
    select p_manifest_id, p_repository_id, p_project_id, b.id from blob b
    where b.digest = any (p_blobs) order by b.id;
  -- A client may have deleted one of these blobs since they were looked for.
  update repository_blob set is_served = true
    where repository_id = p_repository_id and not is_served
      and blob_id in (select id from blob where digest = any (p_blobs));
  insert into manifest_child (manifest_id, digest, child_id)
    select p_manifest_id, child.digest, m.id
    from (select distinct unnest(p_children) as digest) child
    left join manifest m on m.repository_id = p_repository_id and m.digest = child.digest and m.deleted_at is null;
  update manifest_child c set child_id = p_manifest_id
    from manifest parent
    where c.digest = p_digest and c.child_id is null
      and parent.id = c.manifest_id and parent.repository_id = p_repository_id;
end $$;
