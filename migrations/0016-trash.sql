-- What is in the trash: a row for each time that something was deleted. Its id is the `deletion_id` of all that
-- went with it. A project goes alone: what is in it stays as it was, out of sight with its project.
create table deletion (
  id uuid primary key,
  kind text not null check (kind in ('tag', 'artifact', 'repository', 'project')),
  project_id bigint not null references project,
  repository_id bigint references repository, -- null: a project
  reference text collate "C" not null, -- the tag, or the digest of the artifact; else empty
  actor text, -- null: deleted before this was kept
  client text,
  deleted_at timestamptz not null default now(),
  purged_at timestamptz -- since then it can't be restored, and is removed step by step
);
create index deletion_project on deletion (project_id, deleted_at);
create index deletion_repository on deletion (repository_id);
create index deletion_purged on deletion (purged_at, id) where purged_at is not null;
create index manifest_deletion on manifest (deletion_id) where deletion_id is not null;
create index tag_deletion on tag (deletion_id) where deletion_id is not null;
create index repository_deleted on repository (deleted_at) where deleted_at is not null;
create index repository_blob_unserved on repository_blob (repository_id) where not is_served;

create function record_deletion(
  p_id uuid, p_kind text, p_project_id bigint, p_repository_id bigint, p_reference text, p_actor text, p_client text
) returns void language sql as $$
  insert into deletion (id, kind, project_id, repository_id, reference, actor, client)
  values (p_id, p_kind, p_project_id, p_repository_id, p_reference, p_actor, p_client)
$$;

insert into deletion (id, kind, project_id, reference, deleted_at)
  select deletion_id, 'project', id, '', deleted_at from project where deletion_id is not null;
insert into deletion (id, kind, project_id, repository_id, reference, deleted_at)
  select deletion_id, 'repository', project_id, id, '', deleted_at from repository where deletion_id is not null;
insert into deletion (id, kind, project_id, repository_id, reference, deleted_at)
  select deletion_id, 'artifact', project_id, repository_id,
         case get_byte(digest, 0) when 1 then 'sha256:' else 'sha512:' end || encode(substr(digest, 2), 'hex'), deleted_at
  from manifest where deletion_id is not null
  on conflict (id) do nothing;
insert into deletion (id, kind, project_id, repository_id, reference, deleted_at)
  select t.deletion_id, 'tag', r.project_id, t.repository_id, t.name, t.deleted_at
  from tag t join repository r on r.id = t.repository_id where t.deletion_id is not null
  on conflict (id) do nothing;
-- The history of a tag knows who deleted it; what went with it was deleted by the same.
update deletion d set actor = known.actor, client = known.client
  from (
    select distinct on (t.deletion_id) t.deletion_id, h.actor, h.client
    from tag t
    join tag_history h on h.repository_id = t.repository_id and h.name = t.name and h.digest is null
      and h.moved_at = t.deleted_at
    where t.deletion_id is not null
  ) known
  where known.deletion_id = d.id;

-- How long what is deleted in a project can be restored; null: as long as the configuration says.
alter table project add trash_days integer check (trash_days between 0 and 9999);
create or replace view live_project as
  select id, name, owner_id, is_public, created_at, updated_at, trash_days from project where deleted_at is null;

-- A repository that goes for good has to be quick to find unused. Both keys only said what others say: a
-- manifest's project is its repository's, a tag's repository its manifest's.
create index manifest_repository on manifest (repository_id);
alter table manifest drop constraint manifest_project_id_fkey;
drop index manifest_project;
alter table tag drop constraint tag_repository_id_fkey;

-- Bytes of the blobs that nothing else refers to than what went with a deletion, and what is in the trash of
-- its repository or project.
create function freed_bytes(p_id uuid, p_kind text, p_project_id bigint, p_repository_id bigint)
returns bigint language plpgsql stable set enable_seqscan = off as $$
begin
  case p_kind
  when 'artifact' then
    return (
      select coalesce(sum(b.size_bytes), 0)
      from manifest m join manifest_blob mb on mb.manifest_id = m.id join blob b on b.id = mb.blob_id
      where m.deletion_id = p_id and not exists (
        select from manifest_blob other where other.blob_id = mb.blob_id and other.manifest_id <> mb.manifest_id
      )
    );
  when 'repository' then
    return (
      select coalesce(sum(b.size_bytes), 0)
      from repository_blob rb join blob b on b.id = rb.blob_id
      where rb.repository_id = p_repository_id and not exists (
        select from repository_blob other where other.blob_id = rb.blob_id and other.repository_id <> p_repository_id
      )
    );
  when 'project' then
    return (
      select coalesce(sum(b.size_bytes), 0)
      from project_blob pb join blob b on b.id = pb.blob_id
      where pb.project_id = p_project_id and not exists (
        select from project_blob other where other.blob_id = pb.blob_id and other.project_id <> p_project_id
      )
    );
  else
    return 0;
  end case;
end $$;
