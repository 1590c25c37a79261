-- What a push of a blob does to its upload, each in one call with its plan kept: planning these statements
-- anew took most of the database's time for a small blob.

-- Begins an upload, in a repository that is made if it is not there; no row when the project is gone. With a
-- lease whoever begins it writes to it at once. Without, nobody waits for the disk: no bytes are there yet,
-- and claiming the upload waits.
create function begin_upload(
  p_project_id bigint, p_name text, p_owner text, p_algorithm text, p_location text, p_lease_seconds integer
) returns table (id uuid, repository_id bigint) language plpgsql set enable_seqscan = off as $$
declare
  v_repository_id bigint;
begin
  select r.id into v_repository_id from repository r join project p on p.id = r.project_id
    where r.project_id = p_project_id and r.name = p_name and r.deleted_at is null and p.deleted_at is null;
  if not found then
    v_repository_id := ensure_repository(p_project_id, p_name);
    if v_repository_id is null then return; end if;
  end if;
  if p_lease_seconds is null then perform set_config('synchronous_commit', 'off', true); end if;
  return query
    insert into upload as u (repository_id, owner, algorithm, location, fence, lease_until)
    values (v_repository_id, p_owner, p_algorithm, p_location, case when p_lease_seconds is null then 0 else 1 end,
            now() + make_interval(secs => p_lease_seconds))
    returning u.id, u.repository_id;
end $$;

-- Takes the right to write to an upload: `fence` rises, so whoever held it before can't commit any more. Not
-- claimed when somebody else writes to it, or when it does not end at `p_start`; no row when there is no such
-- upload of this owner in this repository. `is_leased`: somebody held the lease, and never gave it back.
create function claim_upload(
  p_id uuid, p_owner text, p_project_id bigint, p_name text, p_start bigint, p_lease_seconds integer
) returns table (
  repository_id bigint, algorithm text, location text, offset_bytes bigint, fence integer,
  is_leased boolean, is_lease_over boolean, is_claimed boolean
) language plpgsql set enable_seqscan = off as $$
begin
  select u.repository_id, u.algorithm, u.location, u.offset_bytes, u.fence,
         u.lease_until is not null, coalesce(u.lease_until < now(), false)
    into repository_id, algorithm, location, offset_bytes, fence, is_leased, is_lease_over
    from upload u join repository r on r.id = u.repository_id
    where u.id = p_id and u.owner = p_owner
      and r.project_id = p_project_id and r.name = p_name and r.deleted_at is null
    for no key update of u;
  if not found then return; end if;
  is_claimed := (is_lease_over or not is_leased) and offset_bytes = coalesce(p_start, offset_bytes);
  if is_claimed then
    fence := fence + 1;
    update upload u set fence = claim_upload.fence, lease_until = now() + make_interval(secs => p_lease_seconds)
      where u.id = p_id;
  end if;
  return next;
end $$;

-- Ends an upload whose lease is held: its durable bytes are a blob of the repository now, or one more copy of
-- a blob, which is listed for removal. Answers whether they are used; null when the upload was cancelled, its
-- repository deleted, or the lease lost.
create function end_upload(p_id uuid, p_fence integer, p_digest bytea, p_size_bytes bigint)
returns boolean language plpgsql set enable_seqscan = off as $$
declare
  v_repository_id bigint;
  v_location text;
begin
  delete from upload u using repository r
    where r.id = u.repository_id and r.deleted_at is null and u.id = p_id and u.fence = p_fence
    returning u.repository_id, u.location into v_repository_id, v_location;
  if not found then return null; end if;
  return commit_blob(v_repository_id, p_digest, p_size_bytes, v_location);
end $$;
