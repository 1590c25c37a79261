create index event_address on event (address, occurred_at, seq);
create index event_resource_type on event (resource_type, occurred_at, seq);

-- Removes the months of the feed that have been over for `p_days`, and answers them; the feed tells of it. Gives up
-- when somebody reads for long: whoever waits for this lock would keep all others waiting.
create function drop_old_events(p_days integer) returns setof text language plpgsql set lock_timeout = '1s' as $$
declare
  v_month text;
begin
  if not pg_try_advisory_xact_lock(2, 0) then return; end if; -- another node is at it
  for v_month in
    select substr(relname, 7) from pg_inherits join pg_class on oid = inhrelid
      where inhparent = 'event'::regclass
        and (to_date(substr(relname, 7), 'YYYY_MM') + interval '1 month') at time zone 'UTC'
          <= now() - make_interval(days => p_days)
      order by 1
  loop
    execute format('drop table if exists %I', 'event_' || v_month);
    perform emit_event(
      'audit_log.purged', null, jsonb_build_object('audit_log', replace(v_month, '_', '-')), null, null, 'system:audit', ''
    );
    return next replace(v_month, '_', '-');
  end loop;
end $$;

-- Makes the partition of the next month, before anybody waits for it.
create function prepare_events() returns void language sql set lock_timeout = '1s' as $$
  select ensure_event_partition(now() + interval '1 month')
$$;
