import { timestamp } from '../../platform/http/harbor-body.ts';
import { ROLE_IDS, strongestRole, type Role } from '../access/index.ts';
import { showAllowlist } from './allowlist.ts';
import { showMetadata } from './metadata.ts';
import type { Project } from './store/projects.ts';

/** A project as somebody with these roles in it sees it. */
export function showProject(project: Project, roles: Role[]) {
  const strongest = strongestRole(roles);
  const { id: project_id, allowlist } = project;
  const times = {
    creation_time: timestamp(project.created_at),
    update_time: timestamp(project.updated_at),
  };
  return {
    project_id,
    owner_id: project.owner_id,
    name: project.name,
    owner_name: project.owner_name,
    ...times,
    ...(strongest === undefined ? {} : { current_user_role_id: ROLE_IDS[strongest] }),
    current_user_role_ids: roles.length === 0 ? null : roles.map((role) => ROLE_IDS[role]),
    repo_count: project.repo_count,
    metadata: showMetadata(project),
    cve_allowlist: {
      project_id,
      ...(allowlist === null ? { items: [], ...times } : showAllowlist(allowlist)),
    },
  };
}
