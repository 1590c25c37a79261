import type { TestApp } from '../harness.ts';
import { client, type Client } from './client.ts';
import { must } from './registry.ts';

export const ROBOTS = '/api/v2.0/robots';

export interface RobotWish {
  name: string;
  permissions: { kind: string; namespace: string; access: object[] }[];
  level?: string;
  duration?: number;
  secret?: string;
}

/** Permissions in a project, in all with `*`, or in the system with `/`: `repository:pull`, or denied, `!repository:pull`. */
export const grant = (namespace: string, ...permissions: string[]) => ({
  kind: namespace === '/' ? 'system' : 'project',
  namespace,
  access: permissions.map((permission) => {
    const [resource, action] = permission.replace('!', '').split(':');
    return { resource, action, ...(permission.startsWith('!') ? { effect: 'deny' } : {}) };
  }),
});

export interface TestRobot extends Client {
  id: number;
  name: string;
  secret: string;
}

/** Makes a robot, of the project if it has permissions in one project only, and answers its client. */
export async function createRobot(
  { app, as }: TestApp,
  wish: RobotWish,
  maker: Client = as('admin'),
): Promise<TestRobot> {
  const [first, ...rest] = wish.permissions;
  const isOfProject = rest.length === 0 && !['/', '*'].includes(first!.namespace);
  const level = isOfProject ? 'project' : 'system';
  const made = must(await maker.post(ROBOTS, { level, duration: -1, ...wish }), 201);
  const { id, name, secret } = made.json();
  return { id, name, secret, ...client(app, name, secret) };
}
