-- One event that could not be told stopped all others behind it: names are cut to what an index takes, and a refusal that
-- stands for many says of none what was asked for.
create or replace function dispatch_events(p_limit integer, p_operations jsonb default '{}') returns integer
language plpgsql as $$
declare
  v_last_seq bigint;
  v_count integer;
  v_off text[];
  v_skips boolean;
begin
  select last_seq into v_last_seq from event_dispatcher for update skip locked;
  if not found or not exists (select from event_outbox) then return 0; end if;
  perform ensure_event_partition(now());
  select string_to_array(replace(coalesce(max(value #>> '{}') filter (where name = 'disabled_audit_log_event_types'), ''), ' ', ''), ',')
           || case when bool_or(value = 'true') filter (where name = 'pull_audit_log_disable') then 'pull_artifact' else '' end,
         coalesce(bool_or(value = 'true') filter (where name = 'skip_audit_log_database'), false)
    into v_off, v_skips
  from setting
  where name in ('disabled_audit_log_event_types', 'pull_audit_log_disable', 'skip_audit_log_database');
  with moved as (
    delete from event_outbox where id in (select id from event_outbox order by id limit p_limit) returning *
  ), called as (
    select *, coalesce(p_operations->>type, split_part(type, '.', 2) || ' ' || split_part(type, '.', 1)) as name
    from moved
  ), named as (
    select *,
           case
             when type = 'access.refused' then coalesce(after->>'operation', 'refuse')
             when type = 'tag.moved' and before->>'digest' is null then 'create'
             else split_part(name, ' ', 1)
           end as operation,
           case
             when type = 'access.refused' then coalesce(after->>'resource_type', 'access')
             else split_part(name, ' ', 2)
           end as resource_type
    from called
  )
  insert into event (seq, type, project_id, subject, before, after, actor, address, client, result, operation,
                     resource_type, resource, occurred_at, recorded_at, audit)
    select v_last_seq + row_number() over (order by id), type, project_id, subject, before, after, left(actor, 255),
           left(split_part(client, ' ', 1), 255), substr(client, strpos(client || ' ', ' ') + 1), result, left(operation, 255),
           left(resource_type, 255), left(event_resource(subject), 512), occurred_at, now(),
           case
             when type = 'configuration.updated' and after ?| array[
               'disabled_audit_log_event_types', 'pull_audit_log_disable', 'skip_audit_log_database', 'audit_log_forward_endpoint'
             ] then 'listed'
             when concat(operation, '_', resource_type) = any (v_off) then 'off'
             when v_skips then 'forwarded'
             else 'listed'
           end
    from named;
  get diagnostics v_count = row_count;
  update event_dispatcher set last_seq = v_last_seq + v_count;
  return v_count;
end $$;
