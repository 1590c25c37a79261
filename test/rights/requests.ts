import { digestOf, must, pushImage } from '../harness/registry.ts';
import { PASSWORD, type TestApp } from '../harness.ts';
import type { Project } from './callers.ts';
import type { Route } from './routes.ts';

export interface Request {
  params?: Record<string, string>;
  query?: string;
  body?: object;
}

/** The user that `makeCallers` makes first. */
const SOMEBODY = { user_id: '2' };

/**
 * What a route needs for a request to come as far as its permission, when the handler asks it: a body that is
 * right, an id that is there. For a route that declares its permission nothing is needed: it is asked before the
 * handler, which then finds no such id.
 */
const REQUESTS: Record<string, Request> = {
  'GET /api/v2.0/users/search': { query: 'username=a' },
  'HEAD /api/v2.0/projects': { query: 'project_name=library' },
  'POST /api/v2.0/projects': { body: { project_name: 'library' } },
  'GET /api/v2.0/users/:user_id': { params: SOMEBODY },
  'PUT /api/v2.0/users/:user_id/password': { params: SOMEBODY, body: { new_password: PASSWORD } },
};

/** The same for what is in a project and has no project in its path. Made for each caller, who may use it up. */
const REQUESTS_IN_PROJECTS: Record<string, (app: TestApp, project: Project) => Promise<Request>> = {
  'POST /api/v2.0/trash/:deletion_id/restore': deleteTag,
  'DELETE /api/v2.0/trash/:deletion_id': deleteTag,
};

let tags = 0;

/** A tag in the trash. */
async function deleteTag({ as }: TestApp, project: Project): Promise<Request> {
  const admin = as('admin');
  const tag = `t${++tags}`;
  await pushImage(admin, `${project}/app`, tag);
  must(await admin.delete(`/v2/${project}/app/manifests/${tag}`), 202);
  const deletions = (await admin.get('/api/v2.0/trash?page_size=100')).json();
  const { id } = deletions.find((deletion: { tag: string }) => deletion.tag === tag);
  return { params: { deletion_id: id } };
}

/** Values of parameters: projects that are there, and ids that are not. */
const PARAMETERS: Record<string, (project: string) => string> = {
  project_name: (project) => project,
  project_name_or_id: (project) => project,
  name: (project) => `${project}/app`,
  digest: () => digestOf('nothing'),
  reference: () => 'nothing',
  repository_name: () => 'nothing',
  deletion_id: () => '00000000-0000-4000-8000-000000000000',
  id: () => '00000000-0000-4000-8000-000000000000',
};
const NO_SUCH_ID = '987654321';

const hasProject = (path: string) => /:(project_name|project_name_or_id|name)\b/.test(path);

export const isAboutProject = ({ method, path }: Route): boolean =>
  hasProject(path) || `${method} ${path}` in REQUESTS_IN_PROJECTS;

/** The request as it is sent. */
export async function makeRequest(app: TestApp, route: Route, project: Project | 'nowhere') {
  const { params = {}, query, body } = await findRequest(app, route, project);
  const url = route.path.replaceAll(
    /:(\w+)/g,
    (_, name: string) => params[name] ?? PARAMETERS[name]?.(project) ?? NO_SUCH_ID,
  );
  return {
    method: route.method,
    url: query === undefined ? url : `${url}?${query}`,
    ...(body === undefined ? {} : { payload: body }),
  };
}

async function findRequest(
  app: TestApp,
  { method, path }: Route,
  project: Project | 'nowhere',
): Promise<Request> {
  const make = REQUESTS_IN_PROJECTS[`${method} ${path}`];
  if (make !== undefined && project !== 'nowhere') return make(app, project);
  return REQUESTS[`${method} ${path}`] ?? {};
}
