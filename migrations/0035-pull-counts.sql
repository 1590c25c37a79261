-- Adds pulls to what lists show: how often a repository was pulled from, and when an artifact and its tag were last, to ten
-- seconds exactly. Rows are locked in the order in which everybody locks them.
create function count_pulls(
  p_manifest_ids bigint[], p_tags text[], p_counts integer[], p_with_counts boolean, p_with_times boolean
) returns void language plpgsql set enable_seqscan = off as $$
declare
  v_ids bigint[];
begin
  if p_with_counts then
    with pulled as (
      select m.repository_id as id, sum(p.count) as count
      from unnest(p_manifest_ids, p_counts) as p (manifest_id, count) join manifest m on m.id = p.manifest_id
      group by m.repository_id
    ), locked as (
      select r.id from repository r where r.id in (select id from pulled) order by r.id for no key update
    )
    update repository r set pull_count = r.pull_count + pulled.count
    from pulled where r.id = pulled.id and r.id in (select id from locked);
  end if;
  if p_with_times then
    select array_agg(stale.id) into v_ids from (
      select m.id from manifest m
      where m.id = any (p_manifest_ids) and coalesce(m.pulled_at < now() - interval '10 seconds', true)
      order by m.id for no key update
    ) stale;
    update manifest set pulled_at = now() where id = any (v_ids);
    select array_agg(stale.id) into v_ids from (
      select t.id from unnest(p_manifest_ids, p_tags) as p (manifest_id, name)
      join tag t on t.manifest_id = p.manifest_id and t.name = p.name
      where t.deleted_at is null and coalesce(t.pulled_at < now() - interval '10 seconds', true)
      order by t.repository_id, t.name for no key update of t
    ) stale;
    update tag set pulled_at = now() where id = any (v_ids);
  end if;
end $$;
