-- Looks closer at up to `p_limit` candidates that are due: forgets which repositories and projects have
-- them though nothing there refers to them, and, when no repository is left, the blob itself. Its bytes are
-- then listed for removal, after `p_hold`. A blob that somebody is about to use stays.
create function collect_blobs(
  p_grace interval, p_hold interval, p_limit integer,
  out looked_at integer, out blobs integer, out bytes bigint
) language plpgsql set enable_seqscan = off as $$
declare
  v_blob record;
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
      if collect_blob(v_blob.id, p_grace) then
        insert into blob_deletion (location, size_bytes, not_before)
          values (v_blob.location, v_blob.size_bytes, now() + p_hold);
        blobs := blobs + 1;
        bytes := bytes + v_blob.size_bytes;
      end if;
    exception when foreign_key_violation then
      -- A manifest that refers to it was committed meanwhile.
      update blob_candidate set check_after = now() + p_grace where blob_id = v_blob.id;
    end;
  end loop;
end $$;

-- Each statement sees what was committed before it, so the lock on the blob comes before them. True: the
-- blob is gone.
create function collect_blob(p_blob_id bigint, p_grace interval) returns boolean language plpgsql as $$
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
