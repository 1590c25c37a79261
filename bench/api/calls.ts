import type { Sizes } from './fill.ts';

export interface Call {
  title: string;
  /** With API paths below /api/v2.0; another begins with /v2/. */
  path: (sizes: Sizes) => string;
  /** As a developer of every second project instead of as administrator. */
  asMember?: boolean;
}

const SIZE = 'page_size=8';

const pick = (count: number) => 1 + Math.floor(Math.random() * count);
const five = (number: number) => String(number).padStart(5, '0');

function repository(sizes: Sizes): { project: string; name: string } {
  return {
    project: `project-${five(pick(sizes.projects))}`,
    name: `repository-${five(pick(sizes.repositories))}`,
  };
}

const inProject =
  (rest: string) =>
  (sizes: Sizes): string =>
    `/projects/${repository(sizes).project}/${rest}`;

const inRepository =
  (rest: string) =>
  (sizes: Sizes): string => {
    const { project, name } = repository(sizes);
    return `/projects/${project}/repositories/${name}/${rest}`;
  };

const tagOf = (sizes: Sizes) => `v${pick(sizes.artifacts)}.${pick(sizes.tags)}`;
const lastPage = (count: number) => `${SIZE}&page=${Math.max(1, Math.floor(count / 8))}`;
const repositoriesIn = ({ projects, repositories }: Sizes) => projects * repositories;

/** What Harbor's own suite calls, then what its users complain of: the last page, sorted, filtered, as no administrator. */
export const CALLS: Call[] = [
  { title: 'projects', path: () => `/projects?${SIZE}` },
  { title: 'a project', path: (sizes) => `/projects/${repository(sizes).project}` },
  { title: 'repositories of a project', path: inProject(`repositories?${SIZE}`) },
  { title: 'a repository', path: (sizes) => inRepository('')(sizes).slice(0, -1) },
  { title: 'artifacts', path: inRepository(`artifacts?${SIZE}&with_tag=true&with_label=true`) },
  { title: 'artifact by tag', path: (sizes) => inRepository(`artifacts/${tagOf(sizes)}`)(sizes) },
  {
    title: 'tags of an artifact',
    path: (sizes) => inRepository(`artifacts/${tagOf(sizes)}/tags?${SIZE}`)(sizes),
  },
  { title: 'members', path: inProject(`members?${SIZE}`) },
  { title: 'audit log of a project', path: inProject(`logs?${SIZE}`) },
  { title: 'audit log', path: () => `/audit-logs?${SIZE}` },
  { title: 'quotas', path: () => `/quotas?${SIZE}` },
  { title: 'users', path: () => `/users?${SIZE}` },
  { title: 'users by name', path: () => `/users/search?username=user-0000&${SIZE}` },
  { title: 'search', path: (sizes) => `/search?q=repository-${five(pick(sizes.repositories))}` },
  { title: 'statistics', path: () => '/statistics' },
  { title: 'catalog', path: () => '/v2/_catalog?n=8' },
  {
    title: 'tags list',
    path: (sizes) => {
      const { project, name } = repository(sizes);
      return `/v2/${project}/${name}/tags/list?n=8`;
    },
  },

  { title: 'projects, last page', path: ({ projects }) => `/projects?${lastPage(projects)}` },
  { title: 'projects, newest', path: () => `/projects?sort=-creation_time&${SIZE}` },
  { title: 'projects by name', path: () => `/projects?q=name%3D~0000&${SIZE}` },
  { title: 'all repositories', path: () => `/repositories?${SIZE}` },
  {
    title: 'all repositories, last page',
    path: (sizes) => `/repositories?${lastPage(repositoriesIn(sizes))}`,
  },
  {
    title: 'all repositories, most pulled',
    path: () => `/repositories?sort=-pull_count&${SIZE}`,
  },
  {
    title: 'all repositories by name',
    path: (sizes) => `/repositories?q=name%3D~repository-${five(pick(sizes.repositories))}&${SIZE}`,
  },
  {
    title: 'repositories of a project, last page',
    path: (sizes) => inProject(`repositories?${lastPage(sizes.repositories)}`)(sizes),
  },
  { title: 'artifacts of a project', path: inProject(`artifacts?${SIZE}`) },
  { title: 'artifacts, oldest', path: inRepository(`artifacts?sort=push_time&${SIZE}`) },
  { title: 'audit log, last page', path: ({ events }) => `/auditlog-exts?${lastPage(events)}` },
  { title: 'audit log of a user', path: () => `/audit-logs?q=username%3Duser-00001&${SIZE}` },
  { title: 'audit log of deletes', path: () => `/audit-logs?q=operation%3Ddelete&${SIZE}` },
  { title: 'audit log, oldest', path: () => `/audit-logs?sort=op_time&${SIZE}` },
  { title: 'quotas, fullest', path: () => `/quotas?sort=-used.storage&${SIZE}` },
  { title: 'users, last page', path: ({ users }) => `/users?${lastPage(users)}` },

  { title: 'projects, as a member', path: () => `/projects?${SIZE}`, asMember: true },
  { title: 'all repositories, as a member', path: () => `/repositories?${SIZE}`, asMember: true },
  {
    title: 'search, as a member',
    path: (sizes) => `/search?q=repository-${five(pick(sizes.repositories))}`,
    asMember: true,
  },
  { title: 'audit log, as a member', path: () => `/audit-logs?${SIZE}`, asMember: true },
  { title: 'catalog, as a member', path: () => '/v2/_catalog?n=8', asMember: true },
];
