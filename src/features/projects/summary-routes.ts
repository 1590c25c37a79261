import type { Routes } from '../../platform/http/routes.ts';
import { hasPermission, ROLE_IDS } from '../access/index.ts';
import { findQuota } from '../quotas/index.ts';
import { findSettings } from '../settings/index.ts';
import { DeletableReply, ProjectParams, SummaryReply } from './schema.ts';
import { findSummary, type Summary } from './store/summary.ts';

const tags = ['project'];
const project = 'project_name_or_id';

/** What Harbor's portal asks of a project besides the project itself. */
export const summaryRoutes: Routes = (app, { db, lookups }) => {
  app.get(
    '/projects/:project_name_or_id/summary',
    {
      schema: {
        operationId: 'getProjectSummary',
        tags,
        params: ProjectParams,
        response: { 200: SummaryReply },
      },
      config: { access: 'project:read', project },
    },
    async ({ standing, caller }) => {
      const { quota_per_project_enable: hasQuotas } = await findSettings(lookups);
      const may = (permission: string) => hasPermission(caller, standing!, permission);
      const summary = await findSummary(db, standing!.id);
      const quota = hasQuotas && may('quota:read') ? await findQuota(db, standing!.id) : undefined;
      return {
        repo_count: summary.repo_count,
        ...(may('member:list') ? countRoles(summary) : {}),
        ...(quota === undefined
          ? {}
          : {
              quota: {
                hard: { storage: quota.hard_bytes ?? -1 },
                used: { storage: quota.used_bytes },
                trash: { storage: quota.trash_bytes },
              },
            }),
      };
    },
  );

  app.get(
    '/projects/:project_name_or_id/_deletable',
    {
      schema: {
        operationId: 'getProjectDeletable',
        tags,
        params: ProjectParams,
        response: { 200: DeletableReply },
      },
      config: { access: 'project:delete', project },
    },
    async ({ standing }) => {
      const { repo_count } = await findSummary(db, standing!.id);
      if (repo_count === 0) return { deletable: true };
      return {
        deletable: false,
        message: `the project contains ${repo_count} repositories; delete them first, or delete it with ?with_repositories=true`,
      };
    },
  );
};

function countRoles({ members }: Summary) {
  const count = (role: keyof typeof ROLE_IDS) => members[ROLE_IDS[role]] ?? 0;
  return {
    project_admin_count: count('projectAdmin'),
    maintainer_count: count('maintainer'),
    developer_count: count('developer'),
    guest_count: count('guest'),
    limited_guest_count: count('limitedGuest'),
  };
}
