import { digestOf, must, pushImage } from '../harness/registry.ts';
import { PASSWORD, type TestApp } from '../harness.ts';
import type { Project } from './callers.ts';
import type { Route } from './routes.ts';

/** Where a request is about: a project that is there, or one that is not. */
export type Somewhere = Project | 'nowhere';

export interface Request {
  params?: Record<string, string>;
  query?: string;
  body?: object | string;
  headers?: Record<string, string>;
}

/** The user that `makeCallers` makes first. */
const SOMEBODY = { user_id: '2' };

/**
 * What a route needs for a request to come as far as its permission, when the handler asks it: a body that is
 * right, an id that is there. For a route that declares its permission nothing is needed: it is asked before the
 * handler, which then finds no such id. A route may have several, told apart by what follows `#`.
 */
const REQUESTS: Record<string, Request | ((app: TestApp) => Promise<Request>)> = {
  'GET /api/v2.0/icons/:digest': findIcon,
  'GET /api/v2.0/labels #global': { query: 'scope=g' },
  'POST /api/v2.0/labels #global': async () => ({ body: newLabel({ scope: 'g' }) }),
  'GET /api/v2.0/labels/:label_id #global': (app) => makeLabel(app, { scope: 'g' }),
  'PUT /api/v2.0/labels/:label_id #global': (app) => makeLabel(app, { scope: 'g' }),
  'DELETE /api/v2.0/labels/:label_id #global': (app) => makeLabel(app, { scope: 'g' }),
  'POST /c/login': (app) => makeForm(app, `principal=outsider&password=${PASSWORD}`),
  'POST /c/userExists': (app) => makeForm(app, 'target=username&value=outsider'),
  'GET /api/v2.0/robots #system': { query: 'q=Level=system' },
  'POST /api/v2.0/robots #system': async () => ({ body: newRobot('system') }),
  'GET /api/v2.0/robots/:robot_id #system': (app) => createRobot(app, 'system'),
  'PUT /api/v2.0/robots/:robot_id #system': (app) => createRobot(app, 'system'),
  'PATCH /api/v2.0/robots/:robot_id #system': (app) => createRobot(app, 'system'),
  'DELETE /api/v2.0/robots/:robot_id #system': (app) => createRobot(app, 'system'),
  'GET /api/v2.0/users/search': { query: 'username=a' },
  'HEAD /api/v2.0/projects': { query: 'project_name=library' },
  'POST /api/v2.0/projects': { body: { project_name: 'library' } },
  'GET /api/v2.0/users/:user_id': { params: SOMEBODY },
  'POST /api/v2.0/users': {
    body: { username: 'made', password: PASSWORD, realname: 'x', email: 'made@example.com' },
  },
  'PUT /api/v2.0/users/:user_id': {
    params: SOMEBODY,
    body: { realname: 'x', email: 'somebody@example.com' },
  },
  'PUT /api/v2.0/users/:user_id/cli_secret': { params: SOMEBODY, body: {} },
  'PUT /api/v2.0/users/:user_id/sysadmin': { params: SOMEBODY, body: { sysadmin_flag: false } },
  'PUT /api/v2.0/users/:user_id/password': {
    params: SOMEBODY,
    body: { new_password: `${PASSWORD}2` },
  },
};

/** The same for what is in a project and has no project in its path. Made for each caller, who may use it up. */
const REQUESTS_IN_PROJECTS: Record<string, (app: TestApp, project: Somewhere) => Promise<Request>> =
  {
    'GET /api/v2.0/labels': async (app, project) => ({
      query: `scope=p&project_id=${await findProjectId(app, project)}`,
    }),
    'POST /api/v2.0/labels': async (app, project) => ({
      body: newLabel({ scope: 'p', project_id: await findProjectId(app, project) }),
    }),
    'GET /api/v2.0/labels/:label_id': makeProjectLabel,
    'PUT /api/v2.0/labels/:label_id': makeProjectLabel,
    'DELETE /api/v2.0/labels/:label_id': makeProjectLabel,
    'GET /api/v2.0/robots': async (app, project) => ({
      query: `q=Level=project,ProjectID=${await findProjectId(app, project)}`,
    }),
    'POST /api/v2.0/robots': async (_, project) => ({ body: newRobot('project', project) }),
    'GET /api/v2.0/robots/:robot_id': createRobotIn,
    'PUT /api/v2.0/robots/:robot_id': createRobotIn,
    'PATCH /api/v2.0/robots/:robot_id': createRobotIn,
    'DELETE /api/v2.0/robots/:robot_id': createRobotIn,
    'POST /api/v2.0/trash/:deletion_id/restore': deleteTag,
    'DELETE /api/v2.0/trash/:deletion_id': deleteTag,
  };

/** A form, with the token that a browser gets before it sends one. */
async function makeForm({ app }: TestApp, body: string): Promise<Request> {
  const { headers } = await app.inject('/c/login');
  return {
    body,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-harbor-csrf-token': String(headers['x-harbor-csrf-token']),
      cookie: String(headers['set-cookie']).split(';')[0]!,
    },
  };
}

let made = 0;
/** A name that nothing else has. */
const newName = () => `made-${++made}`;

/** A tag in the trash. */
async function deleteTag({ as }: TestApp, project: Somewhere): Promise<Request> {
  if (project === 'nowhere') return {};
  const admin = as('admin');
  const tag = newName();
  await pushImage(admin, `${project}/app`, tag);
  must(await admin.delete(`/v2/${project}/app/manifests/${tag}`), 202);
  const deletions = (await admin.get('/api/v2.0/trash?page_size=100')).json();
  const { id } = deletions.find((deletion: { tag: string }) => deletion.tag === tag);
  return { params: { deletion_id: id } };
}

/** What images are shown with. */
async function findIcon({ as }: TestApp): Promise<Request> {
  const artifact = '/api/v2.0/projects/private/repositories/app/artifacts/latest';
  const { icon } = must(await as('admin').get(artifact), 200).json();
  return { params: { digest: icon } };
}

async function findProjectId({ as }: TestApp, project: Somewhere): Promise<number> {
  const { project_id } = (await as('admin').get(`/api/v2.0/projects/${project}`)).json();
  return project_id ?? Number(NO_SUCH_ID);
}

const newLabel = (scope: object) => ({ name: newName(), ...scope });

async function makeProjectLabel(app: TestApp, project: Somewhere): Promise<Request> {
  if (project === 'nowhere') return { body: newLabel({}) };
  return makeLabel(app, { scope: 'p', project_id: await findProjectId(app, project) });
}

/** A label, and a body to change it with. */
async function makeLabel({ as }: TestApp, scope: object): Promise<Request> {
  const reply = must(await as('admin').post('/api/v2.0/labels', newLabel(scope)), 201);
  const label_id = String(reply.headers.location).split('/').at(-1)!;
  return { params: { label_id }, body: newLabel(scope) };
}

const newRobot = (level: 'system' | 'project', namespace = '/') => ({
  name: newName(),
  level,
  duration: 1,
  permissions: [{ kind: level, namespace, access: [{ resource: 'quota', action: 'read' }] }],
});

async function createRobotIn(app: TestApp, project: Somewhere): Promise<Request> {
  if (project === 'nowhere') return { body: newRobot('system') };
  return createRobot(app, 'project', project);
}

/** A robot, and a body to change it with. */
async function createRobot(app: TestApp, ...place: Parameters<typeof newRobot>): Promise<Request> {
  const robot = newRobot(...place);
  const { id } = must(await app.as('admin').post('/api/v2.0/robots', robot), 201).json();
  return { params: { robot_id: String(id) }, body: { ...robot, secret: '' } };
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

/** What is asked of a route: a row of the table. */
export interface Question {
  /** `GET /api/v2.0/labels #global` */
  name: string;
  route: Route;
  isAboutProject: boolean;
}

export function listQuestions(route: Route): Question[] {
  const plain = `${route.method} ${route.path}`;
  const prepared = [...Object.keys(REQUESTS_IN_PROJECTS), ...Object.keys(REQUESTS)]
    .filter((key) => key.split(' #')[0] === keyOf(plain))
    .map((key) => key.replace(/^\w+/, route.method));
  return (prepared.length === 0 ? [plain] : prepared).map((name) => ({
    name,
    route,
    isAboutProject: hasProject(route.path) || keyOf(name) in REQUESTS_IN_PROJECTS,
  }));
}

/** What is asked with HEAD is asked as with GET, unless there is a request of its own. */
const keyOf = (name: string): string =>
  name in REQUESTS || name in REQUESTS_IN_PROJECTS ? name : name.replace(/^HEAD /, 'GET ');

/** The request as it is sent. */
export async function makeRequest(app: TestApp, { name, route }: Question, project: Somewhere) {
  const { params = {}, query, body, headers = {} } = await findRequest(app, name, project);
  const url = route.path.replaceAll(
    /:(\w+)/g,
    (_, parameter: string) => params[parameter] ?? PARAMETERS[parameter]?.(project) ?? NO_SUCH_ID,
  );
  return {
    method: route.method,
    headers,
    url: query === undefined ? url : `${url}?${query}`,
    ...(body === undefined || /GET|HEAD|DELETE/.test(route.method) ? {} : { payload: body }),
  };
}

async function findRequest(app: TestApp, name: string, project: Somewhere): Promise<Request> {
  const key = keyOf(name);
  const request = REQUESTS_IN_PROJECTS[key] ?? REQUESTS[key] ?? {};
  return typeof request === 'function' ? request(app, project) : request;
}
