-- Locks are taken in one order everywhere: project, repository, manifest, tags by name.

-- An index and what it lists find each other by digest, whichever comes first and however often the
-- listed manifest is deleted and pushed again. `descriptor` is what the index says of it.
alter table manifest_child add repository_id bigint;
update manifest_child c set repository_id = m.repository_id from manifest m where m.id = c.manifest_id;
alter table manifest_child
  alter repository_id set not null,
  drop child_id,
  add descriptor jsonb not null default '{}';
create index manifest_child_digest on manifest_child (repository_id, digest);

-- Starts the grace period of a blob anew if it began over an hour ago. False: it is gone.
create function touch_blob(p_repository_id bigint, p_blob_id bigint) returns boolean language plpgsql as $$
begin
  update repository_blob set touched_at = now()
    where repository_id = p_repository_id and blob_id = p_blob_id and is_served
      and touched_at < now() - interval '1 hour';
  if found then return true; end if;
  -- A second statement, so that it sees what was committed while the row was waited for.
  perform from repository_blob where repository_id = p_repository_id and blob_id = p_blob_id and is_served;
  return found;
end $$;

-- What pushes of sparse images and arriving blobs exclude each other by. A repository may share its lock
-- with another one: then they wait without need.
create function sparse_images_lock(p_repository_id bigint) returns integer language sql immutable
  return hashint8(p_repository_id);

create or replace function link_missing_blob(p_repository_id bigint, p_blob_id bigint, p_digest bytea)
returns void language plpgsql as $$
begin
  -- Either the push of such an image sees the blob, or we see its row.
  perform pg_advisory_xact_lock_shared(1, sparse_images_lock(p_repository_id));
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

drop function push_manifest;
drop function store_manifest_parts;

-- Stores a manifest with all it refers to, and its tags, or says which blobs are missing: nothing is
-- changed then, unless `p_allow_missing`. The repository is made if it is not there. `p_child_descriptors`
-- are in the order of `p_children`.
create function push_manifest(
  p_project_id bigint, p_name text, p_digest bytea, p_kind text, p_media_type text,
  p_artifact_type text, p_subject_digest bytea, p_annotations jsonb, p_bytes bytea,
  p_blobs bytea[], p_allow_missing boolean, p_children bytea[], p_child_descriptors jsonb[],
  p_tags text[], p_actor text, p_client text,
  out missing_blobs bytea[], out project_gone boolean
) language plpgsql as $$
declare
  v_repository_id bigint;
  v_manifest_id bigint;
  v_tag text;
begin
  -- Projects, repositories and manifests are deleted under FOR UPDATE: what is found here stays until
  -- this transaction ends.
  perform from project where id = p_project_id and deleted_at is null for key share;
  project_gone := not found;
  if project_gone then return; end if;
  loop
    select id into v_repository_id from repository
      where project_id = p_project_id and name = p_name and deleted_at is null for key share;
    exit when found;
    if cardinality(p_blobs) > 0 and not p_allow_missing then
      missing_blobs := p_blobs;
      return;
    end if;
    insert into repository (project_id, name) values (p_project_id, p_name)
      on conflict (project_id, name) where deleted_at is null do nothing;
  end loop;

  if p_allow_missing then
    perform pg_advisory_xact_lock(1, sparse_images_lock(v_repository_id));
  end if;
  select array_agg(wanted.digest) into missing_blobs
  from unnest(p_blobs) as wanted (digest)
  where not exists (
    select from blob b join repository_blob rb on rb.blob_id = b.id
    where b.digest = wanted.digest and rb.repository_id = v_repository_id and rb.is_served
  );
  if missing_blobs is not null and not p_allow_missing then return; end if;

  loop
    select id into v_manifest_id from manifest
      where repository_id = v_repository_id and digest = p_digest and deleted_at is null for key share;
    exit when found;
    insert into manifest (repository_id, project_id, digest, kind, media_type, artifact_type, subject_digest,
                          annotations, size_bytes)
    values (v_repository_id, p_project_id, p_digest, p_kind, p_media_type, p_artifact_type, p_subject_digest,
            p_annotations, length(p_bytes))
    on conflict (repository_id, digest) where deleted_at is null do nothing
    returning id into v_manifest_id;
    if found then
      insert into manifest_bytes (manifest_id, bytes) values (v_manifest_id, p_bytes);
      perform store_manifest_blobs(v_manifest_id, v_repository_id, p_project_id, p_blobs, missing_blobs);
      insert into manifest_child (manifest_id, repository_id, digest, descriptor)
        select distinct on (child.digest) v_manifest_id, v_repository_id, child.digest, child.descriptor
        from unnest(p_children, p_child_descriptors) with ordinality as child (digest, descriptor, position)
        order by child.digest, child.position;
      exit;
    end if;
  end loop;

  foreach v_tag in array array(select distinct t collate "C" from unnest(p_tags) t order by 1) loop
    perform move_tag(v_repository_id, v_tag, v_manifest_id, p_actor, p_client);
  end loop;
  update repository set first_pushed_at = now() where id = v_repository_id and first_pushed_at is null;
end $$;

-- In the order of blob ids, so that two pushes with the same layers can't wait for each other.
create function store_manifest_blobs(
  p_manifest_id bigint, p_repository_id bigint, p_project_id bigint, p_blobs bytea[], p_missing_blobs bytea[]
) returns void language plpgsql as $$
declare
  v_blob_ids bigint[];
begin
  select array_agg(b.id order by b.id) into v_blob_ids
  from blob b where b.digest = any (p_blobs) and not b.digest = any (coalesce(p_missing_blobs, '{}'));
  insert into project_blob (project_id, blob_id)
    select p_project_id, id from unnest(v_blob_ids) id on conflict do nothing;
  insert into manifest_blob (manifest_id, repository_id, project_id, blob_id)
    select p_manifest_id, p_repository_id, p_project_id, id from unnest(v_blob_ids) id;
  -- A client may have deleted one of these blobs since they were looked for.
  update repository_blob set is_served = true where repository_id = p_repository_id and blob_id in (
    select blob_id from repository_blob
    where repository_id = p_repository_id and blob_id = any (v_blob_ids) and not is_served
    order by blob_id for no key update
  );
  insert into manifest_missing_blob (manifest_id, repository_id, digest)
    select p_manifest_id, p_repository_id, unnest(p_missing_blobs);
end $$;
