import Type from 'typebox';

import { Reply } from '../../platform/http/harbor-body.ts';
import { PageQuery, toLimits } from '../../platform/http/paging.ts';
import type { Routes } from '../../platform/http/routes.ts';
import { findOwnProjects } from '../access/index.ts';
import { ProjectReply, searchProjects, showProject } from '../projects/index.ts';
import { listProjectsWithRepositories } from './projects-with-repositories.ts';
import { searchRepositories } from './store.ts';

const SearchQuery = Type.Object({
  q: Type.String({ maxLength: 1024, description: 'Part of a name, in any case.' }),
  page: PageQuery.properties.page,
  page_size: Type.Integer({
    minimum: 0,
    maximum: 100,
    default: 0,
    description: 'Entries of each kind; 0 is the first thousand.',
  }),
});
const RepositoryReply = Reply({
  project_id: Type.Integer(),
  project_name: Type.String(),
  project_public: Type.Boolean(),
  repository_name: Type.String(),
  pull_count: Type.Integer(),
  artifact_count: Type.Integer(),
});

/** Harbor's `/search`: projects and repositories by a part of their names. */
export const searchRoutes: Routes = (app, { db }) => {
  app.get(
    '/search',
    {
      schema: {
        operationId: 'search',
        tags: ['search'],
        querystring: SearchQuery,
        response: {
          200: Type.Object({
            project: Type.Array(ProjectReply),
            repository: Type.Array(RepositoryReply),
          }),
        },
      },
      config: { open: true },
    },
    async ({ caller, query }) => {
      const { roles, visibleIn } = await findOwnProjects(db, caller);
      const wanted = { text: query.q, visibleIn };
      const projects = await searchProjects(db, wanted, toLimits(query));
      return {
        project: projects.map((project) => showProject(project, roles.get(project.id) ?? [])),
        repository: await searchRepositories(
          db,
          { ...wanted, visibleIn: await listProjectsWithRepositories(db, caller, visibleIn) },
          toLimits(query),
        ),
      };
    },
  );
};
