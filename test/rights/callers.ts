import { ROBOT_PERMISSIONS } from '../../src/features/access/index.ts';
import { basic } from '../harness/client.ts';
import { createRobot, grant, type RobotWish } from '../harness/robots.ts';
import { ADMIN_PASSWORD, PASSWORD, type TestApp } from '../harness.ts';

/** The projects in which every caller with a role has it. */
export const PROJECTS = ['private', 'public'] as const;
export type Project = (typeof PROJECTS)[number];

/** The columns of the table, and the credentials with which they ask about a project. */
export type Callers = Record<string, (project: Project) => string | undefined>;

const ROLES = { limited: 5, guest: 3, developer: 2, maintainer: 4, owner: 1 };

/** Makes the projects, and somebody of each kind. */
export async function makeCallers(app: TestApp): Promise<Callers> {
  const { createUser, createProject } = app;
  for (const project of PROJECTS) await createProject(project, project === 'public');
  for (const name of ['somebody', 'outsider']) await createUser(name);
  for (const [name, role] of Object.entries(ROLES)) {
    await createUser(name, { private: role, public: role });
  }
  const users = ['outsider', ...Object.keys(ROLES)].map((name) => [
    name,
    () => basic(name, PASSWORD),
  ]);
  return {
    anonymous: () => undefined,
    ...(Object.fromEntries(users) as Callers),
    admin: () => basic('admin', ADMIN_PASSWORD),
    ...(await makeRobots(app)),
  };
}

/** Of each project and of the registry: one with all permissions there are, and one with next to none. */
async function makeRobots(app: TestApp): Promise<Callers> {
  const inProjects = async (name: string, permissions: Iterable<string>) => {
    const robots = PROJECTS.map((project) =>
      makeRobot(app, name, [grant(project, ...permissions)]),
    );
    const [inPrivate, inPublic] = await Promise.all(robots);
    return (project: Project) => (project === 'private' ? inPrivate : inPublic);
  };
  const everywhere = await makeRobot(app, 'all', [
    grant('/', ...ROBOT_PERMISSIONS.system),
    grant('*', ...ROBOT_PERMISSIONS.project),
  ]);
  const nowhere = await makeRobot(app, 'bare', [grant('/', 'system-volumes:read')]);
  return {
    robot: await inProjects('all', ROBOT_PERMISSIONS.project),
    'bare robot': await inProjects('bare', ['quota:read']),
    'system robot': () => everywhere,
    'bare system robot': () => nowhere,
  };
}

async function makeRobot(app: TestApp, name: string, permissions: RobotWish['permissions']) {
  const robot = await createRobot(app, { name, permissions });
  return basic(robot.name, robot.secret);
}
