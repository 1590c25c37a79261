-- What artifacts are marked with: labels of the whole registry, and those of one project.
create table label (
  id bigint generated always as identity primary key,
  project_id bigint references project on delete cascade, -- null: of the whole registry
  name text collate "C" not null,
  description text not null default '',
  color text not null default '',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique nulls not distinct (project_id, name)
);

-- An artifact keeps its labels in the trash.
create table artifact_label (
  manifest_id bigint not null references manifest on delete cascade,
  label_id bigint not null references label on delete cascade,
  added_at timestamptz not null default now(),
  primary key (manifest_id, label_id)
);
create index artifact_label_label on artifact_label (label_id);
