import { sql } from 'kysely';

import type { Db } from '../../platform/db/connect.ts';
import { contains } from '../../platform/db/list.ts';

/** Throws when PostgreSQL does not answer. */
export async function askDatabase(db: Db): Promise<true> {
  await sql`select 1`.execute(db);
  return true;
}

/** Where somebody may look: in public projects and in these. */
export type Visible = number[] | 'all';

const isVisible = (visibleIn: Visible) =>
  visibleIn === 'all' ? sql`true` : sql`(p.is_public or p.id = any (${visibleIn}::bigint[]))`;

export interface FoundRepository {
  project_id: number;
  project_name: string;
  project_public: boolean;
  repository_name: string;
  pull_count: number;
  artifact_count: number;
}

/** Repositories whose whole names contain the text, in the order of names; those that hold something. */
export async function searchRepositories(
  db: Db,
  { text, visibleIn }: { text: string; visibleIn: Visible },
  { limit, offset }: { limit: number; offset: number },
): Promise<FoundRepository[]> {
  // Cut into a page before anything is counted.
  const { rows } = await sql<FoundRepository>`
    select r.project_id, r.project_name, r.project_public, r.name as repository_name, r.pull_count,
           case when exists (select from repository_change c where c.repository_id = r.id)
             then count_artifacts(r.id) else r.artifact_count end as artifact_count
    from (
      select r.*, p.name as project_name, p.is_public as project_public
      from repository r join live_project p on p.id = r.project_id
      where r.deleted_at is null and r.first_pushed_at is not null
        and ${contains(sql`r.name`, text)} and ${isVisible(visibleIn)}
      order by r.name limit ${limit} offset ${offset}
    ) r
    order by r.name`.execute(db);
  return rows;
}

export interface ProjectCounts {
  private_project_count: number;
  private_repo_count: number;
  public_project_count: number;
  public_repo_count: number;
}

export async function countProjects(
  db: Db,
  { visibleIn, repositoriesIn }: { visibleIn: Visible; repositoriesIn: Visible },
): Promise<ProjectCounts> {
  const { rows } = await sql<ProjectCounts>`
    select count(*) filter (where not p.is_public) as private_project_count,
           coalesce(sum(r.number) filter (where not p.is_public), 0)::bigint as private_repo_count,
           count(*) filter (where p.is_public) as public_project_count,
           coalesce(sum(r.number) filter (where p.is_public), 0)::bigint as public_repo_count
    from live_project p left join project_repositories r on r.project_id = p.id and ${isVisible(repositoriesIn)}
    where ${isVisible(visibleIn)}`.execute(db);
  return rows[0]!;
}

/** The bytes of all blobs, each once, and of all manifests. */
export async function sumStoredBytes(db: Db): Promise<number> {
  const { rows } = await sql<{ bytes: number }>`
    select ((select coalesce(sum(size_bytes), 0) from blob)
      + (select coalesce(sum(size_bytes), 0) from manifest))::bigint as bytes`.execute(db);
  return rows[0]!.bytes;
}
