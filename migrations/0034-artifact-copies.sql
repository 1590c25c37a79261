-- What is copied along with an artifact: what an index lists, and the accessories of all of it, as far as they are in the
-- repository. Stops above `p_limit`.
create function list_artifacts_copied_with(p_manifest_id bigint, p_limit integer) returns bigint[]
language plpgsql stable set enable_seqscan = off as $$
declare
  v_ids bigint[] := array[p_manifest_id];
  v_last bigint[] := v_ids;
begin
  loop
    select array_agg(more.id) into v_last
    from (
      select child.id
      from manifest_child c
      join live_manifest child on child.repository_id = c.repository_id and child.digest = c.digest
      where c.manifest_id = any (v_last)
      union
      select a.id
      from live_manifest m
      join live_manifest a on a.repository_id = m.repository_id and a.accessory_of = m.digest
      where m.id = any (v_last)
    ) more
    where more.id not in (select unnest(v_ids));
    exit when v_last is null or cardinality(v_ids) > p_limit;
    v_ids := v_ids || v_last;
  end loop;
  return v_ids;
end $$;

-- Makes manifests of one repository manifests of another one too, and points tags at them there, all or nothing: no byte
-- moves. All of `p_ids` are in `p_from_id`; the first of `p_tags` is for the first of `p_tagged`. `damaged`: it can't be done, the bytes of these are not what
-- they were. Lock the manifests first.
create function copy_manifests(
  p_ids bigint[], p_from_id bigint, p_from text, p_project_id bigint, p_name text, p_tags text[], p_tagged bigint[],
  p_actor text, p_client text, out damaged bytea[], out project_gone boolean
) language plpgsql set enable_seqscan = off as $$
declare
  v_repository_id bigint;
  v_mounted bigint[];
  v_added bigint[] := '{}'; -- that are new in the repository
  v_sources bigint[]; -- what they are copied from, in the same order
  v_digests bytea[];
  v_there integer;
  v_bytes bigint;
  v_tag record;
  v_move record;
  v_changed bigint[];
begin
  loop
    v_repository_id := ensure_repository(p_project_id, p_name);
    project_gone := v_repository_id is null;
    if project_gone then return; end if;
    perform from repository where id = v_repository_id and deleted_at is null for key share;
    exit when found;
  end loop;
  select array_agg(bad.digest) into damaged from (
    select digest from manifest where id = any (p_ids) and damaged_at is not null
    union
    select b.digest from manifest_blob mb join blob b on b.id = mb.blob_id
    where mb.manifest_id = any (p_ids) and b.damaged_at is not null
  ) bad;
  if damaged is not null then return; end if;

  -- As `push_manifest` and `link_missing_blob` do it.
  if exists (select from manifest_missing_blob where manifest_id = any (p_ids)) then
    perform pg_advisory_xact_lock(1, sparse_images_lock(v_repository_id));
  else
    perform pg_advisory_xact_lock_shared(1, sparse_images_lock(v_repository_id));
  end if;
  -- In the order of blob ids, as everywhere.
  with wanted as (
    select distinct blob_id from manifest_blob where manifest_id = any (p_ids)
  ), mounted as (
    insert into repository_blob as target (repository_id, blob_id)
      select v_repository_id, blob_id from wanted order by blob_id
      on conflict (repository_id, blob_id) do update set touched_at = now(), is_served = true
      where not target.is_served or target.touched_at < now() - interval '1 hour'
      returning target.blob_id
  )
  select array_agg(blob_id order by blob_id) into v_mounted from mounted;
  insert into blob_candidate (blob_id, check_after) select id, now() from unnest(v_mounted) id
    on conflict (blob_id) do nothing;

  select array_agg(digest order by digest) into v_digests from manifest where id = any (p_ids);
  loop
    with added as (
      insert into manifest (repository_id, project_id, digest, kind, media_type, artifact_type, config_media_type, type,
                            subject_digest, accessory_type, accessory_of, annotations, size_bytes, content_bytes)
        select v_repository_id, p_project_id, digest, kind, media_type, artifact_type, config_media_type, type,
               subject_digest, accessory_type, accessory_of, annotations, size_bytes, content_bytes
        from manifest where id = any (p_ids) order by digest
        on conflict (repository_id, digest) where deleted_at is null do nothing
        returning id
    )
    select v_added || array_agg(id) into v_added from added;
    -- Those that were there are kept from being deleted. One that is deleted just now is inserted with the next turn.
    perform from manifest t
      where t.repository_id = v_repository_id and t.digest = any (v_digests) and t.deleted_at is null
      order by t.id for key share;
    select count(*) into v_there from manifest t
      where t.repository_id = v_repository_id and t.digest = any (v_digests) and t.deleted_at is null;
    exit when v_there = cardinality(v_digests);
  end loop;
  select array_agg(s.id), array_agg(t.id), coalesce(sum(t.size_bytes), 0) into v_sources, v_added, v_bytes
  from unnest(v_added) as added (id)
  join manifest t on t.id = added.id
  join manifest s on s.repository_id = p_from_id and s.digest = t.digest and s.deleted_at is null;
  insert into manifest_bytes (manifest_id, bytes)
    select copied.id, mb.bytes
    from unnest(v_sources, v_added) as copied (source_id, id) join manifest_bytes mb on mb.manifest_id = copied.source_id;
  with counted as (
    insert into project_blob (project_id, blob_id)
      select distinct p_project_id, blob_id from manifest_blob where manifest_id = any (v_sources) order by blob_id
      on conflict do nothing
      returning blob_id
  )
  select v_bytes + coalesce(sum(b.size_bytes), 0) into v_bytes from counted join blob b on b.id = counted.blob_id;
  insert into manifest_blob (manifest_id, repository_id, project_id, blob_id)
    select copied.id, v_repository_id, p_project_id, mb.blob_id
    from unnest(v_sources, v_added) as copied (source_id, id) join manifest_blob mb on mb.manifest_id = copied.source_id;
  insert into manifest_child (manifest_id, repository_id, digest, descriptor)
    select copied.id, v_repository_id, c.digest, c.descriptor
    from unnest(v_sources, v_added) as copied (source_id, id) join manifest_child c on c.manifest_id = copied.source_id;
  insert into manifest_missing_blob (manifest_id, repository_id, digest)
    select copied.id, v_repository_id, l.digest
    from unnest(v_sources, v_added) as copied (source_id, id)
    join manifest_missing_blob l on l.manifest_id = copied.source_id;
  perform link_missing_blob(v_repository_id, b.id, b.digest)
    from (select distinct digest from manifest_missing_blob where repository_id = v_repository_id) l
    join blob b on b.digest = l.digest and b.damaged_at is null
    join repository_blob rb on rb.repository_id = v_repository_id and rb.blob_id = b.id and rb.is_served
    order by b.id;
  perform replace_manifest_bytes(t.id, mb.bytes)
    from manifest t
    join manifest s on s.repository_id = p_from_id and s.digest = t.digest and s.deleted_at is null
    join manifest_bytes mb on mb.manifest_id = s.id
    where t.repository_id = v_repository_id and t.digest = any (v_digests) and t.deleted_at is null and t.damaged_at is not null;
  -- It may have been pushed before without the tag that says whose signature it is.
  update manifest t set accessory_type = s.accessory_type, accessory_of = s.accessory_of
    from manifest s
    where s.repository_id = p_from_id and s.digest = t.digest and s.deleted_at is null and s.accessory_of is not null
      and t.repository_id = v_repository_id and t.digest = any (v_digests) and t.deleted_at is null and t.accessory_of is null;

  v_changed := v_added;
  for v_tag in
    select tag.name, t.id, digest_text(t.digest) as digest
    from unnest(p_tags, p_tagged) as tag (name, source_id)
    join manifest s on s.id = tag.source_id
    join manifest t on t.repository_id = v_repository_id and t.digest = s.digest and t.deleted_at is null
    order by tag.name collate "C"
  loop
    select * into v_move from move_tag(v_repository_id, v_tag.name, v_tag.id, p_actor, p_client);
    if v_move.is_moved then
      v_changed := v_changed || v_tag.id;
      perform emit_event(
        'tag.moved', p_project_id, jsonb_build_object('repository', p_name, 'tag', v_tag.name),
        jsonb_build_object('digest', v_move.previous_digest), jsonb_build_object('digest', v_tag.digest),
        p_actor, p_client
      );
    end if;
  end loop;
  if v_changed is not null then
    perform emit_event(
      'artifact.pushed', p_project_id, jsonb_build_object('repository', p_name, 'digest', digest_text(m.digest)), null,
      jsonb_build_object(
        'media_type', m.media_type, 'artifact_type', m.artifact_type, 'copied_from', p_from,
        'tags', array(select t.name from tag t where t.manifest_id = m.id and t.deleted_at is null and t.name = any (p_tags))
      ),
      p_actor, p_client
    ) from manifest m where m.id = any (v_changed) order by m.id;
    insert into repository_change (repository_id) values (v_repository_id);
  end if;
  update repository set first_pushed_at = now() where id = v_repository_id and first_pushed_at is null;
  perform charge_project(p_project_id, v_bytes);
end $$;
