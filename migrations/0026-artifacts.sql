-- What Harbor's API shows of repositories and artifacts, in columns of the rows it is listed with.

alter table repository
  add description text not null default '',
  add artifact_count bigint not null default 0, -- behind by what `repository_change` holds
  add pull_count bigint not null default 0,
  add updated_at timestamptz not null default now(),
  set (fillfactor = 80);
update repository set updated_at = created_at;
create or replace view live_repository as
  select r.id, r.project_id, r.name, r.first_pushed_at, r.created_at,
         r.description, r.artifact_count, r.pull_count, r.updated_at
  from repository r join project p on p.id = r.project_id
  where r.deleted_at is null and p.deleted_at is null;

-- Repositories whose artifacts or tags changed since they were counted: a row for each change, so that pushes to
-- one repository don't queue for its row.
create table repository_change (
  repository_id bigint not null, -- no foreign key: a push should not pay for it
  changed_at timestamptz not null default now()
);
create index repository_change_repository on repository_change (repository_id);

-- How Harbor calls the type of an artifact.
create function artifact_type_name(p_artifact_type text, p_config_media_type text) returns text
language sql immutable return
  case
    when p_config_media_type = 'application/vnd.wasm.config.v1+json' then 'WASM'
    else
      case coalesce(p_artifact_type, p_config_media_type)
        when 'application/vnd.oci.image.config.v1+json' then 'IMAGE'
        when 'application/vnd.docker.container.image.v1+json' then 'IMAGE'
        when 'application/vnd.oci.image.index.v1+json' then 'IMAGE'
        when 'application/vnd.docker.distribution.manifest.list.v2+json' then 'IMAGE'
        when 'application/vnd.cncf.helm.config.v1+json' then 'CHART'
        when 'application/vnd.cnab.manifest.v1' then 'CNAB'
        when 'application/vnd.goharbor.harbor.sbom.v1' then 'SBOM'
        when 'application/vnd.cncf.model.manifest.v1+json' then 'CNAI'
        else coalesce(
          upper(substring(p_config_media_type from '^application/vnd\.[^.]*\.(.*)\.config\.[^.]*\+json$') collate "C"),
          'UNKNOWN'
        )
      end
  end;

alter table manifest
  add config_media_type text, -- an image's config says what it is; an index has its own media type here
  add type text not null default 'UNKNOWN', -- not generated: that would be planned anew for each row
  add content_bytes bigint not null default 0, -- with its blobs, or with what it lists
  add accessory_type text, -- null: it is no accessory
  add accessory_of bytea, -- the digest of its subject, which may be missing
  add pulled_at timestamptz,
  set (fillfactor = 85);

-- What was pushed before.
update manifest m set
  config_media_type = case
    when m.kind = 'index' then coalesce(m.annotations->>'org.opencontainers.artifactType', m.media_type)
    when m.annotations->>'module.wasm.image/variant' = 'compat' or m.annotations->>'run.oci.handler' = 'wasm'
      then 'application/vnd.wasm.config.v1+json'
    else convert_from(mb.bytes, 'UTF8')::json #>> '{config,mediaType}'
  end,
  content_bytes = m.size_bytes + coalesce((
    select sum(b.size_bytes) from manifest_blob l join blob b on b.id = l.blob_id where l.manifest_id = m.id
  ), 0),
  accessory_of = m.subject_digest,
  accessory_type = case
    when m.subject_digest is null then null
    when m.artifact_type in ('application/vnd.oci.image.config.v1+json', 'application/vnd.docker.container.image.v1+json')
      and convert_from(mb.bytes, 'UTF8')::json #> '{layers,-1,annotations,containerd.io/snapshot/nydus-bootstrap}' is not null
      then 'accelerator.nydus'
    else case m.artifact_type
      when 'application/vnd.cncf.notary.signature' then 'signature.notation'
      when 'application/vnd.dev.cosign.artifact.sig.v1+json' then 'signature.cosign'
      when 'application/vnd.dev.sigstore.bundle.v0.3+json' then 'signature.cosign'
      when 'application/vnd.goharbor.harbor.sbom.v1' then 'sbom.harbor'
      else 'subject.accessory'
    end
  end
from manifest_bytes mb where mb.manifest_id = m.id;
update manifest set type = artifact_type_name(artifact_type, config_media_type);
update manifest i set content_bytes = i.content_bytes + listed.bytes
from (
  select c.manifest_id, sum(m.content_bytes) as bytes
  from manifest_child c join manifest m on m.repository_id = c.repository_id and m.digest = c.digest and m.deleted_at is null
  group by c.manifest_id
) listed
where listed.manifest_id = i.id;
update manifest m set accessory_type = 'signature.cosign', accessory_of = decode('01' || substr(t.name, 8, 64), 'hex')
from tag t, manifest_bytes mb
where t.manifest_id = m.id and mb.manifest_id = m.id and m.accessory_of is null
  and t.name ~ '^sha256-[0-9a-f]{64}\.sig$'
  and position('application/vnd.dev.cosign.simplesigning.v1+json' in convert_from(mb.bytes, 'UTF8')) > 0;

create or replace view live_manifest as
  select id, repository_id, project_id, digest, kind, media_type, artifact_type, subject_digest, annotations,
         size_bytes, pushed_at, damaged_at, config_media_type, type, content_bytes, accessory_type, accessory_of, pulled_at
  from manifest where deleted_at is null;

drop index tag_manifest;
create index tag_manifest on tag (manifest_id, name);
drop index manifest_live_subject;
create index manifest_live_accessory on manifest (repository_id, accessory_of, id)
  where deleted_at is null and accessory_of is not null;
drop index manifest_repository;
create index manifest_repository on manifest (repository_id, pushed_at, id);
create index manifest_project on manifest (project_id, pushed_at, id) where deleted_at is null;

alter table tag
  add pulled_at timestamptz,
  set (fillfactor = 85);
create or replace view live_tag as
  select id, repository_id, name, manifest_id, pushed_at, pulled_at from tag where deleted_at is null;

-- What lists show: no accessories, and nothing without a tag that an index lists.
create view top_level_manifest as
  select m.* from live_manifest m
  where m.accessory_type is null and (
    exists (select from tag t where t.manifest_id = m.id and t.deleted_at is null)
    or not exists (
      select from manifest_child c join manifest i on i.id = c.manifest_id
      where c.repository_id = m.repository_id and c.digest = m.digest and i.deleted_at is null
    )
  );

create function count_artifacts(p_repository_id bigint) returns bigint language sql stable as $$
  select count(*) from top_level_manifest where repository_id = p_repository_id
$$;

update repository r set artifact_count = count_artifacts(r.id);

create function mark_repository_changed(p_repository_id bigint) returns void language sql as $$
  insert into repository_change (repository_id) values (p_repository_id)
$$;

-- Counts the artifacts of repositories that changed, as far as up to `p_limit` changes tell. Answers how many changes
-- that was.
create function count_changed_repositories(p_limit integer) returns integer language plpgsql
set enable_seqscan = off as $$
declare
  v_ids bigint[];
  v_times timestamptz[];
  v_taken integer;
begin
  with taken as (
    delete from repository_change where ctid = any (array(
      select ctid from repository_change limit p_limit for update skip locked
    ))
    returning repository_id, changed_at
  ), changed as (
    select repository_id, max(changed_at) as changed_at, count(*) as changes from taken group by repository_id
  )
  select array_agg(repository_id), array_agg(changed_at), coalesce(sum(changes), 0)
    into v_ids, v_times, v_taken from changed;
  perform from repository where id = any (v_ids) order by id for no key update;
  -- A third statement, so that it counts what was there when the rows were locked: whoever counts later has seen more.
  update repository r set
    artifact_count = count_artifacts(r.id), updated_at = greatest(r.updated_at, changed.changed_at)
  from unnest(v_ids, v_times) as changed (id, changed_at) where r.id = changed.id;
  return v_taken;
end $$;

drop function push_manifest;

-- Stores a manifest with all it refers to, and its tags, or says which blobs are missing: nothing is
-- changed then, unless `p_allow_missing`. `p_optional_blobs` may be missing: foreign layers. No blob is named
-- twice. The repository is made if it is not there. `p_child_descriptors` are in the order of `p_children`. A manifest whose bytes were damaged
-- gets these.
create function push_manifest(
  p_project_id bigint, p_name text, p_digest bytea, p_kind text, p_media_type text,
  p_artifact_type text, p_config_media_type text, p_subject_digest bytea, p_accessory_type text, p_accessory_of bytea,
  p_annotations jsonb, p_bytes bytea,
  p_blobs bytea[], p_optional_blobs bytea[], p_allow_missing boolean, p_children bytea[], p_child_descriptors jsonb[],
  p_tags text[], p_actor text, p_client text,
  out missing_blobs bytea[], out project_gone boolean
) language plpgsql set enable_seqscan = off as $$
declare
  v_repository_id bigint;
  v_manifest_id bigint;
  v_blob_ids bigint[];
  v_content_bytes bigint;
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
  select array_agg(b.id order by b.id) filter (where rb.blob_id is not null),
         array_agg(wanted.digest) filter (where rb.blob_id is null and wanted.is_required),
         coalesce(sum(b.size_bytes) filter (where rb.blob_id is not null), 0) + length(p_bytes)
    into v_blob_ids, missing_blobs, v_content_bytes
  from (
    select unnest(p_blobs) as digest, true as is_required
    union all select unnest(p_optional_blobs), false
  ) wanted
  left join blob b on b.digest = wanted.digest and b.damaged_at is null
  left join repository_blob rb on rb.blob_id = b.id and rb.repository_id = v_repository_id and rb.is_served;
  if missing_blobs is not null and not p_allow_missing then return; end if;
  if cardinality(p_children) > 0 then
    select v_content_bytes + coalesce(sum(m.content_bytes), 0) into v_content_bytes from manifest m
      where m.repository_id = v_repository_id and m.digest = any (p_children) and m.deleted_at is null;
  end if;

  loop
    select id, damaged_at is not null into v_manifest_id, v_is_changed from manifest
      where repository_id = v_repository_id and digest = p_digest and deleted_at is null for key share;
    if found then
      if v_is_changed then perform replace_manifest_bytes(v_manifest_id, p_bytes); end if;
      exit;
    end if;
    insert into manifest (repository_id, project_id, digest, kind, media_type, artifact_type, config_media_type, type,
                          subject_digest, accessory_type, accessory_of, annotations, size_bytes, content_bytes)
    values (v_repository_id, p_project_id, p_digest, p_kind, p_media_type, p_artifact_type, p_config_media_type,
            artifact_type_name(p_artifact_type, p_config_media_type),
            p_subject_digest, p_accessory_type, p_accessory_of, p_annotations, length(p_bytes), v_content_bytes)
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
    insert into repository_change (repository_id) values (v_repository_id);
  end if;
  -- It may have been pushed before without the tag that says whose signature it is.
  if p_accessory_of is not null then
    update manifest set accessory_type = p_accessory_type, accessory_of = p_accessory_of
      where id = v_manifest_id and accessory_of is null;
  end if;
  update repository set first_pushed_at = now() where id = v_repository_id and first_pushed_at is null;
  perform charge_project(p_project_id, v_added);
end $$;
