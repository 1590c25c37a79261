-- As before, but whoever is just making the blob a candidate, as its last manifest goes, is waited for before the look
-- that may end its candidacy: that look would still have seen the manifest.
create or replace function collect_blob(p_blob_id bigint, p_grace interval) returns boolean language plpgsql as $$
declare
  v_look_again timestamptz;
begin
  delete from repository_blob rb
    where rb.blob_id = p_blob_id and rb.touched_at <= now() - p_grace and not exists (
      select from manifest_blob mb where mb.blob_id = rb.blob_id and mb.repository_id = rb.repository_id
    );
  delete from project_blob pb
    where pb.blob_id = p_blob_id and not exists (
      select from manifest_blob mb where mb.blob_id = pb.blob_id and mb.project_id = pb.project_id
    );
  if not exists (select from repository_blob where blob_id = p_blob_id) then
    delete from blob where id = p_blob_id;
    return true;
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
  return false;
end $$;

-- Blobs that were missed until now: to look at one that is used does no harm.
insert into blob_candidate (blob_id, check_after) select id, now() from blob order by id on conflict do nothing;
