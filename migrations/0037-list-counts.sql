-- How many repositories a project shows, so that nobody counts them for a list; behind by what `project_change` holds.
create table repository_number (
  project_id bigint primary key references project on delete cascade,
  number bigint not null
);

-- Projects in which a repository appeared or went: a row for each, so that pushes don't queue for one.
create table project_change (
  project_id bigint not null -- no foreign key: a push should not pay for it
);
create index project_change_project on project_change (project_id);

create function mark_project_changed() returns trigger language plpgsql as $$
begin
  insert into project_change (project_id) values (new.project_id);
  return null;
end $$;
create trigger repository_shown after update of deleted_at, first_pushed_at on repository for each row
  when ((old.deleted_at is null and old.first_pushed_at is not null)
    <> (new.deleted_at is null and new.first_pushed_at is not null))
  execute function mark_project_changed();

create view project_repositories as
  select p.id as project_id, case
    when c.project_id is null then coalesce(n.number, 0)
    else (
      select count(*) from repository r
      where r.project_id = p.id and r.deleted_at is null and r.first_pushed_at is not null
    )
  end as number
  from project p
  left join repository_number n on n.project_id = p.id
  left join (select distinct project_id from project_change) c on c.project_id = p.id;

insert into repository_number
  select project_id, count(*) from repository where deleted_at is null and first_pushed_at is not null group by project_id;

-- Counts the repositories of projects that changed, as far as up to `p_limit` changes tell. Answers how many that was.
create function count_changed_projects(p_limit integer) returns integer language plpgsql set enable_seqscan = off as $$
declare
  v_ids bigint[];
begin
  with taken as (
    delete from project_change where ctid = any (array(
      select ctid from project_change limit p_limit for update skip locked
    ))
    returning project_id
  )
  select array_agg(project_id) into v_ids from taken;
  -- Who counts a project waits for whoever counts it already, and counts after that one.
  insert into repository_number (project_id, number)
    select id, 0 from project where id = any (v_ids) order by id
    on conflict (project_id) do update set number = repository_number.number;
  update repository_number n set number = (
    select count(*) from repository r
    where r.project_id = n.project_id and r.deleted_at is null and r.first_pushed_at is not null
  ) where n.project_id = any (v_ids);
  return coalesce(cardinality(v_ids), 0);
end $$;

-- The youngest repositories first, read from the index alone up to the page that is asked for.
create index repository_created on repository (created_at, id) include (project_id)
  where deleted_at is null and first_pushed_at is not null;

-- Parts of names. Where the database lacks the extension, or we the right to it, all names are looked at.
do $$ begin
  create extension if not exists pg_trgm;
  create index repository_name_parts on repository using gin (name gin_trgm_ops)
    where deleted_at is null and first_pushed_at is not null;
exception when insufficient_privilege or undefined_file or feature_not_supported or undefined_object then
  raise notice 'without pg_trgm: %', sqlerrm;
end $$;
