-- Stores that keep an upload in several pieces until it ends: with S3, parts and a tail.

-- What the store needs to go on behind `offset_bytes`, on any node. Null: the offset says all.
alter table upload add column storage_state text;

-- Bytes of an upload that its blob does not need, for removal as soon as the upload ends.
create function list_left_bytes(p_locations text[]) returns void language sql as $$
  insert into blob_deletion (location, size_bytes, not_before)
    select location, 0, now() from unnest(p_locations) location
    on conflict (location) do nothing
$$;

drop function claim_upload;
drop function end_upload;

-- Takes the right to write to an upload: `fence` rises, so whoever held it before can't commit any more. Not
-- claimed when somebody else writes to it, or when it does not end at `p_start`; no row when there is no such
-- upload of this owner in this repository. `is_leased`: somebody held the lease, and never gave it back.
create function claim_upload(
  p_id uuid, p_owner text, p_project_id bigint, p_name text, p_start bigint, p_lease_seconds integer
) returns table (
  repository_id bigint, algorithm text, location text, offset_bytes bigint, storage_state text, fence integer,
  is_leased boolean, is_lease_over boolean, is_claimed boolean
) language plpgsql set enable_seqscan = off as $$
begin
  select u.repository_id, u.algorithm, u.location, u.offset_bytes, u.storage_state, u.fence,
         u.lease_until is not null, coalesce(u.lease_until < now(), false)
    into repository_id, algorithm, location, offset_bytes, storage_state, fence, is_leased, is_lease_over
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

-- Ends an upload whose lease is held: its durable bytes, at `p_location`, are a blob of the repository now, or
-- one more copy of a blob, which is listed for removal, as `p_left` are. Answers whether they are used; null
-- when the upload was cancelled, its repository or project deleted, or the lease lost.
create function end_upload(
  p_id uuid, p_fence integer, p_digest bytea, p_size_bytes bigint, p_location text, p_left text[]
) returns boolean language plpgsql set enable_seqscan = off as $$
declare
  v_repository_id bigint;
begin
  delete from upload u using live_repository r
    where r.id = u.repository_id and u.id = p_id and u.fence = p_fence
    returning u.repository_id into v_repository_id;
  if not found then return null; end if;
  if cardinality(p_left) > 0 then perform list_left_bytes(p_left); end if;
  return commit_blob(v_repository_id, p_digest, p_size_bytes, p_location);
end $$;
