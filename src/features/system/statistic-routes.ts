import Type from 'typebox';

import { remember } from '../../lib/remember.ts';
import { Reply } from '../../platform/http/harbor-body.ts';
import type { Routes } from '../../platform/http/routes.ts';
import { listOwnProjectIds, SIGNED_IN } from '../access/index.ts';
import { listProjectsWithRepositories } from './projects-with-repositories.ts';
import { countProjects, sumStoredBytes } from './store.ts';

const StatisticReply = Reply({
  private_project_count: Type.Integer(),
  private_repo_count: Type.Integer(),
  public_project_count: Type.Integer(),
  public_repo_count: Type.Integer(),
  total_project_count: Type.Integer(),
  total_repo_count: Type.Integer(),
  total_storage_consumption: Type.Integer({
    description: 'Bytes of all blobs and manifests, at most a minute old.',
  }),
});

/** Harbor's `/statistics`. Totals are for system administrators; others see 0, and their own private projects. */
export const statisticRoutes: Routes = (app, { db }) => {
  // Every blob is looked at.
  const findStoredBytes = remember(() => sumStoredBytes(db), { ms: 60_000, maxEntries: 1 });

  app.get(
    '/statistics',
    {
      schema: {
        operationId: 'getStatistic',
        tags: ['statistic'],
        response: { 200: StatisticReply },
      },
      config: { access: SIGNED_IN },
    },
    async ({ caller }) => {
      const isSysadmin = caller.user?.isSysadmin === true;
      const visibleIn = await listOwnProjectIds(db, caller);
      const repositoriesIn = await listProjectsWithRepositories(db, caller, visibleIn);
      const counts = await countProjects(db, { visibleIn, repositoriesIn });
      return {
        ...counts,
        total_project_count: isSysadmin
          ? counts.private_project_count + counts.public_project_count
          : 0,
        total_repo_count: isSysadmin ? counts.private_repo_count + counts.public_repo_count : 0,
        total_storage_consumption: isSysadmin ? await findStoredBytes(true) : 0,
      };
    },
  );
};
