-- What the audit log is read by leaves out what it does not list: pages stay quick, however much was only forwarded.
drop index event_occurred_at;
drop index event_project;
create index event_occurred_at on event (occurred_at, seq) where audit = 'listed';
create index event_project on event (project_id, occurred_at, seq) where audit = 'listed';

-- Whether everything in the feed is listed. By its index: what is not listed may all be at the end of the table.
create function feed_is_listed() returns boolean language plpgsql stable set enable_seqscan = off as $$
begin
  return not exists (select from event where audit <> 'listed');
end $$;
