-- What goes with an artifact that is deleted: its accessories, and of an index what it lists, unless that has a tag or
-- another index lists it; and what goes with those.
create function list_artifacts_gone_with(p_manifest_id bigint) returns bigint[] language plpgsql stable
set enable_seqscan = off as $$
declare
  v_ids bigint[] := array[p_manifest_id];
  v_more bigint[];
begin
  loop
    select array_agg(distinct more.id) into v_more
    from (
      select a.id, a.repository_id, a.digest, false as is_child
      from live_manifest m
      join live_manifest a on a.repository_id = m.repository_id and a.accessory_of = m.digest
      where m.id = any (v_ids)
      union all
      select child.id, child.repository_id, child.digest, true
      from manifest_child c
      join live_manifest child on child.repository_id = c.repository_id and child.digest = c.digest
      where c.manifest_id = any (v_ids)
    ) more
    where more.id not in (select unnest(v_ids))
      and not (more.is_child and exists (select from live_tag t where t.manifest_id = more.id))
      and not exists (
        select from manifest_child c join live_manifest i on i.id = c.manifest_id
        where c.repository_id = more.repository_id and c.digest = more.digest and i.id not in (select unnest(v_ids))
      );
    exit when v_more is null;
    v_ids := v_ids || v_more;
  end loop;
  return v_ids;
end $$;

-- As before; what went with one deletion may share blobs.
create or replace function freed_bytes(p_id uuid, p_kind text, p_project_id bigint, p_repository_id bigint)
returns bigint language plpgsql stable set enable_seqscan = off as $$
begin
  case p_kind
  when 'artifact' then
    return (
      select coalesce(sum(b.size_bytes), 0)
      from blob b
      where b.id in (
        select mb.blob_id from manifest m join manifest_blob mb on mb.manifest_id = m.id where m.deletion_id = p_id
      ) and not exists (
        select from manifest_blob other join manifest m on m.id = other.manifest_id
        where other.blob_id = b.id and m.deletion_id is distinct from p_id
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
