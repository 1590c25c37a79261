-- What changed, written in the transaction that changed it. The dispatcher moves committed rows to `event`.
create table event_outbox (
  id bigint generated always as identity primary key,
  type text not null,
  project_id bigint, -- no foreign key: events outlive what they tell of
  subject jsonb not null, -- what it is about: project, repository, digest, tag, user …
  before jsonb,
  after jsonb,
  actor text not null,
  client text not null,
  occurred_at timestamptz not null default now()
);

-- The feed: `seq` has no gap and never goes back, so a reader that knows the last one it saw misses nothing.
create table event (
  seq bigint not null,
  type text not null,
  project_id bigint,
  subject jsonb not null,
  before jsonb,
  after jsonb,
  actor text not null,
  client text not null,
  occurred_at timestamptz not null,
  recorded_at timestamptz not null,
  primary key (seq, recorded_at)
) partition by range (recorded_at);
create index event_project on event (project_id, seq);
create index event_occurred_at on event (occurred_at);

-- Whoever dispatches holds this row.
create table event_dispatcher (
  is_only boolean primary key default true check (is_only),
  last_seq bigint not null
);
insert into event_dispatcher (last_seq) values (0);

create function emit_event(
  p_type text, p_project_id bigint, p_subject jsonb, p_before jsonb, p_after jsonb, p_actor text, p_client text
) returns void language sql as $$
  insert into event_outbox (type, project_id, subject, before, after, actor, client)
  values (p_type, p_project_id, p_subject, p_before, p_after, p_actor, p_client)
$$;

-- Makes the partition of the month of `p_time`, in UTC, if it is not there.
create function ensure_event_partition(p_time timestamptz) returns void language plpgsql as $$
declare
  v_month timestamp := date_trunc('month', p_time at time zone 'UTC');
  v_name text := 'event_' || to_char(v_month, 'YYYY_MM');
begin
  if to_regclass(v_name) is not null then return; end if;
  execute format(
    'create table %I partition of event for values from (%L) to (%L)',
    v_name, v_month at time zone 'UTC', (v_month + interval '1 month') at time zone 'UTC'
  );
end $$;

-- Gives up to `p_limit` committed events their place in the feed. Answers how many; 0 also while somebody else
-- is at it.
create function dispatch_events(p_limit integer) returns integer language plpgsql as $$
declare
  v_last_seq bigint;
  v_count integer;
begin
  select last_seq into v_last_seq from event_dispatcher for update skip locked;
  if not found or not exists (select from event_outbox) then return 0; end if;
  perform ensure_event_partition(now());
  with moved as (
    delete from event_outbox where id in (select id from event_outbox order by id limit p_limit) returning *
  )
  insert into event (seq, type, project_id, subject, before, after, actor, client, occurred_at, recorded_at)
    select v_last_seq + row_number() over (order by id), type, project_id, subject, before, after, actor, client,
           occurred_at, now()
    from moved;
  get diagnostics v_count = row_count;
  update event_dispatcher set last_seq = v_last_seq + v_count;
  return v_count;
end $$;

-- A digest as people write it.
create function digest_text(p_digest bytea) returns text language sql immutable strict
  return case get_byte(p_digest, 0) when 1 then 'sha256:' else 'sha512:' end || encode(substr(p_digest, 2), 'hex');
