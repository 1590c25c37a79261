-- Plans are kept as long as a connection. Those made while the tables were nearly empty would read whole
-- tables, up to the next analyze; so would those of the foreign keys that these functions check. Hence
-- `enable_seqscan`, which has to be repeated whenever one of them is replaced.
alter function ensure_repository set enable_seqscan = off;

-- A repository goes with its project, also one to which nothing was pushed yet.
create or replace view live_repository as
  select r.id, r.project_id, r.name, r.first_pushed_at, r.created_at
  from repository r join project p on p.id = r.project_id
  where r.deleted_at is null and p.deleted_at is null;

-- Stores a manifest with all it refers to, and its tags, or says which blobs are missing: nothing is
-- changed then, unless `p_allow_missing`. The repository is made if it is not there. `p_child_descriptors`
-- are in the order of `p_children`.
create or replace function push_manifest(
  p_project_id bigint, p_name text, p_digest bytea, p_kind text, p_media_type text,
  p_artifact_type text, p_subject_digest bytea, p_annotations jsonb, p_bytes bytea,
  p_blobs bytea[], p_allow_missing boolean, p_children bytea[], p_child_descriptors jsonb[],
  p_tags text[], p_actor text, p_client text,
  out missing_blobs bytea[], out project_gone boolean
) language plpgsql set enable_seqscan = off as $$
declare
  v_repository_id bigint;
  v_manifest_id bigint;
  v_blob_ids bigint[];
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
  -- From here on by their ids: a blob that is collected meanwhile fails a foreign key.
  select array_agg(b.id order by b.id) filter (where rb.blob_id is not null),
         array_agg(wanted.digest) filter (where rb.blob_id is null)
    into v_blob_ids, missing_blobs
  from unnest(p_blobs) as wanted (digest)
  left join blob b on b.digest = wanted.digest
  left join repository_blob rb on rb.blob_id = b.id and rb.repository_id = v_repository_id and rb.is_served;
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
      perform store_manifest_blobs(v_manifest_id, v_repository_id, p_project_id, v_blob_ids, missing_blobs);
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

drop function store_manifest_blobs;

-- `p_blob_ids` are in order, so that two pushes with the same layers can't wait for each other.
create function store_manifest_blobs(
  p_manifest_id bigint, p_repository_id bigint, p_project_id bigint, p_blob_ids bigint[], p_missing_blobs bytea[]
) returns void language plpgsql as $$
begin
  insert into project_blob (project_id, blob_id)
    select p_project_id, id from unnest(p_blob_ids) id on conflict do nothing;
  insert into manifest_blob (manifest_id, repository_id, project_id, blob_id)
    select p_manifest_id, p_repository_id, p_project_id, id from unnest(p_blob_ids) id;
  -- A client may have deleted one of these blobs since they were looked for.
  update repository_blob set is_served = true where repository_id = p_repository_id and blob_id in (
    select blob_id from repository_blob
    where repository_id = p_repository_id and blob_id = any (p_blob_ids) and not is_served
    order by blob_id for no key update
  );
  insert into manifest_missing_blob (manifest_id, repository_id, digest)
    select p_manifest_id, p_repository_id, unnest(p_missing_blobs);
end $$;

-- Records bytes that are durable at `p_location` as a blob of the repository. Answers whether those bytes
-- are used; if the same blob was there before, they are listed for removal instead. The blob is a candidate at once: the
-- collector sees how young it is. Its grace period is renewed once an hour, so that pushes of one layer don't
-- queue for a row.
create or replace function commit_blob(p_repository_id bigint, p_digest bytea, p_size_bytes bigint, p_location text)
returns boolean language plpgsql set enable_seqscan = off as $$
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
    on conflict (repository_id, blob_id) do update set touched_at = now(), is_served = true
    where not repository_blob.is_served or repository_blob.touched_at < now() - interval '1 hour';
  insert into blob_candidate (blob_id, check_after) values (v_blob_id, now())
    on conflict (blob_id) do nothing;
  perform link_missing_blob(p_repository_id, v_blob_id, p_digest);
  return v_is_new;
end $$;

-- Ends an upload whose lease is held: its durable bytes are a blob of the repository now, or one more copy of
-- a blob, which is listed for removal. Answers whether they are used; null when the upload was cancelled, its
-- repository or project deleted, or the lease lost.
create or replace function end_upload(p_id uuid, p_fence integer, p_digest bytea, p_size_bytes bigint)
returns boolean language plpgsql set enable_seqscan = off as $$
declare
  v_repository_id bigint;
  v_location text;
begin
  delete from upload u using live_repository r
    where r.id = u.repository_id and u.id = p_id and u.fence = p_fence
    returning u.repository_id, u.location into v_repository_id, v_location;
  if not found then return null; end if;
  return commit_blob(v_repository_id, p_digest, p_size_bytes, v_location);
end $$;
