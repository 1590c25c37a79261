-- Accounts of programs. One of a project goes with its project, and is out of sight with it in the trash.
create table robot (
  id bigint generated always as identity primary key,
  project_id bigint references project on delete cascade, -- null: of the whole registry
  name text collate "C" not null, -- without the prefix and the project, with which it signs in
  description text not null default '',
  is_disabled boolean not null default false,
  duration_days integer not null check (duration_days = -1 or duration_days > 0), -- -1: for ever
  expires_at timestamptz, -- null: never
  rights_changed_at timestamptz(3) not null default now(), -- bearer tokens from before are worthless
  creator_type text not null check (creator_type in ('local', 'robot')), -- a user or a robot
  creator_id bigint not null, -- no foreign key: a robot outlives who made it
  last_used_at timestamptz, -- the last sign-in, to the minute
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique nulls not distinct (project_id, name)
);

-- One that lasts as long as the robot, and while it is being replaced the one before.
create table robot_secret (
  id bigint generated always as identity primary key,
  robot_id bigint not null references robot on delete cascade,
  hash text not null, -- of one that was generated `sha256:…`, of one that was chosen argon2id in PHC form
  created_at timestamptz not null default now(),
  expires_at timestamptz, -- null: the current one
  last_used_at timestamptz -- as the robot's
);
create unique index robot_secret_current on robot_secret (robot_id) where expires_at is null;
create index robot_secret_robot on robot_secret (robot_id);

-- What a robot may do in the system, in all projects, or in one of them.
create table robot_permission (
  robot_id bigint not null references robot on delete cascade,
  scope text not null check (scope in ('system', 'all-projects', 'project')),
  project_id bigint references project on delete cascade,
  allowed text[] not null, -- such as repository:pull
  denied text[] not null, -- whatever else allows it
  check ((scope = 'project') = (project_id is not null)),
  unique nulls not distinct (robot_id, scope, project_id)
);
create index robot_permission_project on robot_permission (project_id) where project_id is not null;

-- What a robot may do with what it was given: as in Harbor, who may push into the one project that is theirs may
-- pull from it too.
create view robot_right as
  select p.robot_id, p.scope, p.project_id, p.denied,
         case when r.project_id is not null and 'repository:push' = any (p.allowed)
           then array_append(p.allowed, 'repository:pull') else p.allowed end as allowed
  from robot_permission p join robot r on r.id = p.robot_id;
