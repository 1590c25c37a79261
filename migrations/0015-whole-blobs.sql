-- A blob that came in one piece: its bytes are durable at `p_location` before anybody is asked. Answers whether
-- they are used, as commit_blob does; null when the upload is not one of this owner in this repository, has bytes
-- already, or somebody else writes to it: nothing is changed then.
create function put_upload(
  p_id uuid, p_owner text, p_project_id bigint, p_name text,
  p_digest bytea, p_size_bytes bigint, p_location text
) returns boolean language plpgsql set enable_seqscan = off as $$
declare
  v_repository_id bigint;
begin
  delete from upload u using live_repository r
    where r.id = u.repository_id and r.project_id = p_project_id and r.name = p_name
      and u.id = p_id and u.owner = p_owner and u.fence = 0
    returning u.repository_id into v_repository_id;
  if not found then return null; end if;
  return commit_blob(v_repository_id, p_digest, p_size_bytes, p_location);
end $$;

-- The same without an upload. The repository is made if it is not there; null when the project is gone.
create function put_blob(
  p_project_id bigint, p_name text, p_digest bytea, p_size_bytes bigint, p_location text
) returns boolean language plpgsql set enable_seqscan = off as $$
declare
  v_repository_id bigint;
begin
  select id into v_repository_id from live_repository where project_id = p_project_id and name = p_name;
  if not found then v_repository_id := ensure_repository(p_project_id, p_name); end if;
  if v_repository_id is null then return null; end if;
  return commit_blob(v_repository_id, p_digest, p_size_bytes, p_location);
end $$;
