-- Bytes that `roadstead fsck` found lost or damaged. The rows stay, with all that refers to them; until somebody pushes
-- the same again nobody is served them, and no push relies on them.
alter table blob add damaged_at timestamptz;
alter table manifest add damaged_at timestamptz;
create or replace view live_manifest as
  select id, repository_id, project_id, digest, kind, media_type, artifact_type, subject_digest, annotations,
         size_bytes, pushed_at, damaged_at
  from manifest where deleted_at is null;

-- Gives a damaged blob new bytes; the old ones are listed for removal. False: somebody else was quicker.
create function replace_blob_bytes(p_blob_id bigint, p_size_bytes bigint, p_location text)
returns boolean language plpgsql as $$
declare
  v_old record;
begin
  select location, size_bytes into v_old from blob
    where id = p_blob_id and damaged_at is not null for no key update;
  if not found then return false; end if;
  update blob set location = p_location, size_bytes = p_size_bytes, damaged_at = null where id = p_blob_id;
  insert into blob_deletion (location, size_bytes, not_before) values (v_old.location, v_old.size_bytes, now())
    on conflict (location) do nothing;
  return true;
end $$;

create function replace_manifest_bytes(p_manifest_id bigint, p_bytes bytea) returns void language sql as $$
  insert into manifest_bytes (manifest_id, bytes) values (p_manifest_id, p_bytes)
    on conflict (manifest_id) do update set bytes = excluded.bytes;
  update manifest set damaged_at = null, size_bytes = length(p_bytes) where id = p_manifest_id;
$$;

-- Records bytes that are durable at `p_location` as a blob of the repository. Answers whether those bytes
-- are used; if the same blob was there before, undamaged, they are listed for removal instead. The blob is a candidate at
-- once: the collector sees how young it is. Its grace period is renewed once an hour, so that pushes of one layer don't
-- queue for a row.
create or replace function commit_blob(p_repository_id bigint, p_digest bytea, p_size_bytes bigint, p_location text)
returns boolean language plpgsql set enable_seqscan = off as $$
declare
  v_blob_id bigint;
  v_is_new boolean := false;
begin
  loop
    select id, damaged_at is not null into v_blob_id, v_is_new from blob where digest = p_digest for key share;
    if found then
      if v_is_new then v_is_new := replace_blob_bytes(v_blob_id, p_size_bytes, p_location); end if;
      exit;
    end if;
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

-- Stores a manifest with all it refers to, and its tags, or says which blobs are missing: nothing is
-- changed then, unless `p_allow_missing`. `p_optional_blobs` may be missing: foreign layers. The repository is
-- made if it is not there. `p_child_descriptors` are in the order of `p_children`. A manifest whose bytes were damaged
-- gets these.
create or replace function push_manifest(
  p_project_id bigint, p_name text, p_digest bytea, p_kind text, p_media_type text,
  p_artifact_type text, p_subject_digest bytea, p_annotations jsonb, p_bytes bytea,
  p_blobs bytea[], p_optional_blobs bytea[], p_allow_missing boolean, p_children bytea[], p_child_descriptors jsonb[],
  p_tags text[], p_actor text, p_client text,
  out missing_blobs bytea[], out project_gone boolean
) language plpgsql set enable_seqscan = off as $$
declare
  v_repository_id bigint;
  v_manifest_id bigint;
  v_blob_ids bigint[];
  v_tag text;
  v_move record;
  v_is_changed boolean := false;
  v_subject jsonb := jsonb_build_object('repository', p_name, 'digest', digest_text(p_digest));
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
  select array_agg(distinct b.id order by b.id) filter (where rb.blob_id is not null),
         array_agg(wanted.digest) filter (where rb.blob_id is null and wanted.is_required)
    into v_blob_ids, missing_blobs
  from (
    select unnest(p_blobs) as digest, true as is_required
    union all select unnest(p_optional_blobs), false
  ) wanted
  left join blob b on b.digest = wanted.digest and b.damaged_at is null
  left join repository_blob rb on rb.blob_id = b.id and rb.repository_id = v_repository_id and rb.is_served;
  if missing_blobs is not null and not p_allow_missing then return; end if;

  loop
    select id, damaged_at is not null into v_manifest_id, v_is_changed from manifest
      where repository_id = v_repository_id and digest = p_digest and deleted_at is null for key share;
    if found then
      if v_is_changed then perform replace_manifest_bytes(v_manifest_id, p_bytes); end if;
      exit;
    end if;
    insert into manifest (repository_id, project_id, digest, kind, media_type, artifact_type, subject_digest,
                          annotations, size_bytes)
    values (v_repository_id, p_project_id, p_digest, p_kind, p_media_type, p_artifact_type, p_subject_digest,
            p_annotations, length(p_bytes))
    on conflict (repository_id, digest) where deleted_at is null do nothing
    returning id into v_manifest_id;
    if found then
      v_is_changed := true;
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
    select * into v_move from move_tag(v_repository_id, v_tag, v_manifest_id, p_actor, p_client);
    if v_move.is_moved then
      v_is_changed := true;
      perform emit_event(
        'tag.moved', p_project_id, jsonb_build_object('repository', p_name, 'tag', v_tag),
        jsonb_build_object('digest', v_move.previous_digest), jsonb_build_object('digest', v_subject->>'digest'),
        p_actor, p_client
      );
    end if;
  end loop;
  if v_is_changed then
    perform emit_event(
      'artifact.pushed', p_project_id, v_subject, null,
      jsonb_build_object('media_type', p_media_type, 'artifact_type', p_artifact_type, 'tags', p_tags),
      p_actor, p_client
    );
  end if;
  update repository set first_pushed_at = now() where id = v_repository_id and first_pushed_at is null;
end $$;
