-- How much of its storage quota a project uses: the bytes of its blobs, each once, and of its manifests, in the
-- trash or not. The sum over the shares is exact at every commit. A share is a row that a push can have for
-- itself until it is committed, so that pushes to one project don't wait for each other's disk: most projects have
-- one, number 0, those that many push to at once get more. With a limit, `room` is what may still be added through
-- this share; all rooms together are what is left. Only share 0 may be short (below 0), and then the others have
-- none.
create table project_usage (
  project_id bigint not null references project on delete cascade,
  share smallint not null,
  bytes bigint not null default 0,
  room bigint, -- null: no limit
  primary key (project_id, share),
  check (share = 0 or room >= 0)
) with (fillfactor = 50);

-- The limit of a project; no row: none was ever set.
create table project_quota (
  project_id bigint primary key references project on delete cascade,
  hard_bytes bigint check (hard_bytes > 0), -- null: no limit
  warned_at timestamptz, -- since then it is nearly full
  exceeded_at timestamptz, -- when a refusal was last told of
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

-- Whether limits are kept: usage is counted in any case.
create function quotas_are_enforced() returns boolean language sql stable as $$
  select not exists (select from setting where name = 'quota_per_project_enable' and value = 'false')
$$;

-- Counts what this transaction adds to the project, and refuses it (RS001) when it does not fit. Call it last: the share
-- is held until the commit.
create function charge_project(p_project_id bigint, p_bytes bigint) returns void
language plpgsql set enable_seqscan = off as $$
begin
  if p_bytes = 0 then return; end if;
  update project_usage set bytes = bytes + p_bytes, room = room - p_bytes
    where project_id = p_project_id and share = (
      select share from project_usage
      where project_id = p_project_id and (room is null or room >= p_bytes)
      limit 1 for update skip locked
    );
  if not found then perform charge_first_share(p_project_id, p_bytes); end if;
end $$;

-- The same when others have all shares with enough room: waits for share 0, which decides about what is left.
create function charge_first_share(p_project_id bigint, p_bytes bigint) returns void language plpgsql as $$
declare
  v_used bigint;
  v_room bigint;
begin
  insert into project_usage (project_id, share) values (p_project_id, 0) on conflict do nothing;
  select room into v_room from project_usage where project_id = p_project_id and share = 0 for update;
  if v_room < p_bytes then
    v_room := take_back_room(p_project_id);
    if v_room < p_bytes and quotas_are_enforced() then
      select sum(bytes) into v_used from project_usage where project_id = p_project_id;
      raise exception 'the storage quota is exceeded' using errcode = 'RS001', detail =
        jsonb_build_object('used', v_used, 'limit', v_used + v_room, 'needed', p_bytes);
    end if;
  end if;
  update project_usage set bytes = bytes + p_bytes, room = room - p_bytes
    where project_id = p_project_id and share = 0;
  perform widen_shares(p_project_id, p_bytes);
end $$;

-- With share 0 locked: gives it the room of all others, and answers how much it has then.
create function take_back_room(p_project_id bigint) returns bigint language plpgsql as $$
declare
  v_room bigint;
begin
  perform from project_usage where project_id = p_project_id and share > 0 order by share for update;
  select sum(room) into v_room from project_usage where project_id = p_project_id;
  update project_usage set room = case share when 0 then v_room else 0 end
    where project_id = p_project_id and (share = 0 or room > 0);
  return v_room;
end $$;

-- With share 0 locked: gives some of its room to the shares that are free, or makes one more. So the next push waits
-- less likely. Nothing is given when the rest is too little for many pushes of `p_bytes`.
create function widen_shares(p_project_id bigint, p_bytes bigint) returns void language plpgsql as $$
declare
  c_shares constant integer := 64;
  v_room bigint;
  v_part bigint;
  v_given bigint := 0;
  v_free record;
begin
  select room into v_room from project_usage where project_id = p_project_id and share = 0;
  v_part := v_room / (2 * c_shares);
  if v_part < p_bytes then return; end if;
  for v_free in
    select share, room from project_usage
    where project_id = p_project_id and share > 0 and room < v_part order by share for update skip locked
  loop
    update project_usage set room = v_part where project_id = p_project_id and share = v_free.share;
    v_given := v_given + v_part - v_free.room;
  end loop;
  if v_given = 0 then
    insert into project_usage (project_id, share, room)
      select p_project_id, max(share) + 1, v_part from project_usage where project_id = p_project_id
      having max(share) + 1 < c_shares;
    if found then v_given := coalesce(v_part, 0); end if;
  end if;
  update project_usage set room = room - v_given where project_id = p_project_id and share = 0;
end $$;

-- Counts what this transaction takes from the project. Call it last.
create function refund_project(p_project_id bigint, p_bytes bigint) returns void
language sql set enable_seqscan = off as $$
  insert into project_usage as u (project_id, share, bytes) values (p_project_id, 0, -p_bytes)
  on conflict (project_id, share) do update set bytes = u.bytes - p_bytes, room = u.room + p_bytes
$$;

-- Sets a limit, or takes it away (null). It may be below what is used: nothing can be added then.
create function limit_project(p_project_id bigint, p_hard_bytes bigint) returns void
language plpgsql set enable_seqscan = off as $$
begin
  insert into project_usage (project_id, share) values (p_project_id, 0) on conflict do nothing;
  perform from project_usage where project_id = p_project_id and share = 0 for update;
  perform from project_usage where project_id = p_project_id and share > 0 order by share for update;
  update project_usage set room = case
      when p_hard_bytes is null then null
      when share > 0 then 0
      else p_hard_bytes - (select sum(bytes) from project_usage where project_id = p_project_id)
    end
    where project_id = p_project_id;
  insert into project_quota as q (project_id, hard_bytes) values (p_project_id, p_hard_bytes)
    on conflict (project_id) do update
      set hard_bytes = p_hard_bytes, warned_at = null, exceeded_at = null, updated_at = now();
end $$;

-- What is there already.
insert into project_usage (project_id, share, bytes)
  select p.id, 0, coalesce(blobs.bytes, 0) + coalesce(manifests.bytes, 0)
  from project p
  left join (
    select pb.project_id, sum(b.size_bytes) as bytes from project_blob pb join blob b on b.id = pb.blob_id
    group by pb.project_id
  ) blobs on blobs.project_id = p.id
  left join (
    select project_id, sum(size_bytes) as bytes from manifest group by project_id
  ) manifests on manifests.project_id = p.id;

drop function store_manifest_blobs;

-- `p_blob_ids` are in order, so that two pushes with the same layers can't wait for each other. Answers the bytes of
-- those that are new to the project.
create function store_manifest_blobs(
  p_manifest_id bigint, p_repository_id bigint, p_project_id bigint, p_blob_ids bigint[], p_missing_blobs bytea[]
) returns bigint language plpgsql as $$
declare
  v_added bigint;
begin
  with added as (
    insert into project_blob (project_id, blob_id)
      select p_project_id, id from unnest(p_blob_ids) id on conflict do nothing
      returning blob_id
  )
  select coalesce(sum(size_bytes), 0) into v_added from added join blob on blob.id = added.blob_id;
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
  return v_added;
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
  v_added bigint := 0;
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
      v_added := length(p_bytes)
        + store_manifest_blobs(v_manifest_id, v_repository_id, p_project_id, v_blob_ids, missing_blobs);
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
  perform charge_project(p_project_id, v_added);
end $$;

-- As before; the blob counts for the project now.
create or replace function link_missing_blob(p_repository_id bigint, p_blob_id bigint, p_digest bytea)
returns void language plpgsql as $$
declare
  v_project_id bigint;
begin
  -- Either the push of such an image sees the blob, or we see its row.
  perform pg_advisory_xact_lock_shared(1, sparse_images_lock(p_repository_id));
  if not exists (
    select from manifest_missing_blob where repository_id = p_repository_id and digest = p_digest
  ) then return; end if;
  insert into project_blob (project_id, blob_id)
    select project_id, p_blob_id from repository where id = p_repository_id on conflict do nothing
    returning project_id into v_project_id;
  with linked as (
    delete from manifest_missing_blob where repository_id = p_repository_id and digest = p_digest
    returning manifest_id
  )
  insert into manifest_blob (manifest_id, repository_id, project_id, blob_id)
    select m.id, m.repository_id, m.project_id, p_blob_id from linked join manifest m on m.id = linked.manifest_id
    on conflict do nothing;
  if v_project_id is not null then
    perform charge_project(v_project_id, (select size_bytes from blob where id = p_blob_id));
  end if;
end $$;

drop function collect_blob;

-- Each statement sees what was committed before it, so the lock on the blob comes before them. `is_gone`: the blob is;
-- `project_ids` don't count it any more. Whoever is just making it a candidate, as its last manifest goes, is waited for
-- before the look that may end its candidacy: that look would still have seen the manifest.
create function collect_blob(p_blob_id bigint, p_grace interval, out is_gone boolean, out project_ids bigint[])
language plpgsql as $$
declare
  v_look_again timestamptz;
begin
  delete from repository_blob rb
    where rb.blob_id = p_blob_id and rb.touched_at <= now() - p_grace and not exists (
      select from manifest_blob mb where mb.blob_id = rb.blob_id and mb.repository_id = rb.repository_id
    );
  with lost as (
    delete from project_blob pb
      where pb.blob_id = p_blob_id and not exists (
        select from manifest_blob mb where mb.blob_id = pb.blob_id and mb.project_id = pb.project_id
      )
      returning pb.project_id
  )
  select array_agg(project_id) into project_ids from lost;
  is_gone := not exists (select from repository_blob where blob_id = p_blob_id);
  if is_gone then
    delete from blob where id = p_blob_id;
    return;
  end if;
  perform from blob_candidate where blob_id = p_blob_id for update;
  select min(rb.touched_at) + p_grace into v_look_again from repository_blob rb
    where rb.blob_id = p_blob_id and not exists (
      select from manifest_blob mb where mb.blob_id = rb.blob_id and mb.repository_id = rb.repository_id
    );
  if v_look_again is null then
    delete from blob_candidate where blob_id = p_blob_id;
  else
    update blob_candidate set check_after = v_look_again where blob_id = p_blob_id;
  end if;
end $$;

-- Looks closer at up to `p_limit` candidates that are due: forgets which repositories and projects have
-- them though nothing there refers to them, and, when no repository is left, the blob itself. Its bytes are
-- then listed for removal, after `p_hold`. A blob that somebody is about to use stays.
create or replace function collect_blobs(
  p_grace interval, p_hold interval, p_limit integer,
  out looked_at integer, out blobs integer, out bytes bigint
) language plpgsql set enable_seqscan = off as $$
declare
  v_blob record;
  v_found record;
  v_project_ids bigint[] := '{}';
  v_sizes bigint[] := '{}';
begin
  looked_at := 0;
  blobs := 0;
  bytes := 0;
  -- Whoever makes a blob his own holds its row FOR KEY SHARE: he is not waited for, his blob is not due.
  for v_blob in
    select b.id, b.size_bytes, b.location from blob b
    where b.id in (
      select blob_id from blob_candidate where check_after <= now() order by check_after limit p_limit
    )
    order by b.id for update skip locked
  loop
    looked_at := looked_at + 1;
    begin
      v_found := collect_blob(v_blob.id, p_grace);
      if v_found.is_gone then
        insert into blob_deletion (location, size_bytes, not_before)
          values (v_blob.location, v_blob.size_bytes, now() + p_hold);
        blobs := blobs + 1;
        bytes := bytes + v_blob.size_bytes;
      end if;
      if v_found.project_ids is not null then
        v_project_ids := v_project_ids || v_found.project_ids;
        v_sizes := v_sizes || array_fill(v_blob.size_bytes, array[cardinality(v_found.project_ids)]);
      end if;
    exception when foreign_key_violation then
      -- A manifest that refers to it was committed meanwhile.
      update blob_candidate set check_after = now() + p_grace where blob_id = v_blob.id;
    end;
  end loop;
  -- Last: pushes to these projects may wait for us from here on. In one order, so that we don't wait for each other.
  perform refund_project(lost.project_id, lost.bytes)
    from (
      select l.project_id, sum(l.size_bytes)::bigint as bytes
      from unnest(v_project_ids, v_sizes) as l (project_id, size_bytes) group by l.project_id order by l.project_id
    ) lost;
end $$;
