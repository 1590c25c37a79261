drop function push_manifest;
drop function move_tag;

-- Points a tag at a manifest and keeps the move in the history. Not moved: it was there already.
create function move_tag(
  p_repository_id bigint, p_name text, p_manifest_id bigint, p_actor text, p_client text,
  out is_moved boolean, out previous_digest text
) language plpgsql as $$
declare
  v_tag tag;
  v_previous bytea;
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
  is_moved := v_tag.manifest_id is distinct from p_manifest_id;
  if not is_moved then return; end if;
  select digest into v_previous from manifest where id = v_tag.manifest_id;
  previous_digest := digest_text(v_previous);
  insert into tag_history (repository_id, name, digest, previous_digest, actor, client)
  values (
    p_repository_id, p_name, (select digest from manifest where id = p_manifest_id), v_previous, p_actor, p_client
  );
end $$;

-- Stores a manifest with all it refers to, and its tags, or says which blobs are missing: nothing is
-- changed then, unless `p_allow_missing`. `p_optional_blobs` may be missing: foreign layers. The repository is
-- made if it is not there. `p_child_descriptors` are in the order of `p_children`.
create function push_manifest(
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
