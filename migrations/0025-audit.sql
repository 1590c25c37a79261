-- Who did what to what, from where, with what result: columns that the audit log is filtered and sorted by.

-- `client` of the outbox is from where and with what: the address, a blank, the user agent.
alter table event_outbox add column result text; -- null: it was done; else the code with which it was refused

-- What an event is about, as one name: `project/repository:tag`, `project/repository@digest`, `project/user` of a
-- member, or the names there are, that of the project first.
create function event_resource(p_subject jsonb) returns text language sql immutable return
  case
    when p_subject ? 'tag' then concat(p_subject->>'repository', ':', p_subject->>'tag')
    when p_subject ? 'digest' then concat(p_subject->>'repository', '@', p_subject->>'digest')
    else coalesce(
      (select string_agg(value, '/' order by key <> 'project', key) from jsonb_each_text(p_subject)), ''
    )
  end;

alter table event
  add column address text not null default '',
  add column result text,
  add column operation text not null default '', -- create, update, delete, pull, login …
  add column resource_type text not null default '',
  add column resource text not null default '';

update event set
  resource = event_resource(subject),
  resource_type = case when type like '%.member\_%' then 'member' else split_part(type, '.', 1) end,
  operation = case
    when type ~ '[._](pushed|created|restored|added)$' or (type = 'tag.moved' and before->>'digest' is null) then 'create'
    when type ~ '[._](deleted|purged|removed)$' then 'delete'
    when type = 'quota.warning' then 'warn'
    when type = 'quota.exceeded' then 'refuse'
    else 'update'
  end;

alter table event alter column operation drop default, alter column resource_type drop default,
  alter column resource drop default;
drop index event_project;
drop index event_occurred_at;
create index event_occurred_at on event (occurred_at, seq);
create index event_project on event (project_id, occurred_at, seq);
create index event_actor on event (actor, occurred_at, seq);
create index event_resource on event (resource, occurred_at, seq);
create index event_operation on event (operation, occurred_at, seq);

drop function dispatch_events;

-- Gives up to `p_limit` committed events their place in the feed. Answers how many; 0 also while somebody else
-- is at it. `p_operations` says what each type is called: `create artifact`. A type that it does not name, from a
-- newer version beside this one, is called by its own words.
create function dispatch_events(p_limit integer, p_operations jsonb default '{}') returns integer language plpgsql as $$
declare
  v_last_seq bigint;
  v_count integer;
begin
  select last_seq into v_last_seq from event_dispatcher for update skip locked;
  if not found or not exists (select from event_outbox) then return 0; end if;
  perform ensure_event_partition(now());
  with moved as (
    delete from event_outbox where id in (select id from event_outbox order by id limit p_limit) returning *
  ), called as (
    select *, coalesce(p_operations->>type, split_part(type, '.', 2) || ' ' || split_part(type, '.', 1)) as name
    from moved
  )
  insert into event (seq, type, project_id, subject, before, after, actor, address, client, result, operation,
                     resource_type, resource, occurred_at, recorded_at)
    select v_last_seq + row_number() over (order by id), type, project_id, subject, before, after, actor,
           split_part(client, ' ', 1), substr(client, strpos(client || ' ', ' ') + 1), result,
           case
             when type = 'access.refused' then after->>'operation'
             when type = 'tag.moved' and before->>'digest' is null then 'create'
             else split_part(name, ' ', 1)
           end,
           case when type = 'access.refused' then after->>'resource_type' else split_part(name, ' ', 2) end,
           event_resource(subject), occurred_at, now()
    from called;
  get diagnostics v_count = row_count;
  update event_dispatcher set last_seq = v_last_seq + v_count;
  return v_count;
end $$;
