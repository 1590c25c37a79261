import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { makeFolder } from './folder.ts';
import { startDaemon } from './processes.ts';

export interface Account {
  username: string;
  password: string;
}

export interface Robot extends Account {
  id: number;
}

/** A Roadstead server for the tests of one file. */
export interface Server {
  /** As it stands in an image's name, `127.0.0.1:8080`. */
  address: string;
  url: string;
  admin: Account;
  request(method: string, path: string, options?: RequestOptions): Promise<Response>;
  /** Makes a project that nobody else uses; gives its name. */
  createProject(options?: { public: boolean }): Promise<string>;
  /** Makes a user with a role in a project. */
  createMember(project: string, role: Role): Promise<Account>;
  /** Makes a robot of a project that may do this with its repositories. */
  createRobot(project: string, ...actions: ('pull' | 'push')[]): Promise<Robot>;
  stop(): Promise<void>;
}

interface RequestOptions {
  body?: object;
  as?: Account;
  headers?: Record<string, string>;
}

const ROLES = { projectAdmin: 1, developer: 2, guest: 3, maintainer: 4, limitedGuest: 5 };
type Role = keyof typeof ROLES;

const main = join(import.meta.dirname, '../../../src/main.ts');
const word = (): string => randomBytes(4).toString('hex');
const password = (): string => `Aa1-${randomBytes(12).toString('hex')}`;

/** Starts a server, or takes the one that ROADSTEAD_TEST_REGISTRY (host:port) names. */
export async function startServer(): Promise<Server> {
  const given = process.env.ROADSTEAD_TEST_REGISTRY;
  if (given !== undefined) {
    const { ROADSTEAD_TEST_USER: username = 'admin', ROADSTEAD_TEST_PASSWORD } = process.env;
    return use(given, { username, password: ROADSTEAD_TEST_PASSWORD ?? '' }, async () => {});
  }
  const folder = await makeFolder();
  const address = `127.0.0.1:${await findFreePort()}`;
  const admin = { username: 'admin', password: password() };
  const daemon = await startDaemon(process.execPath, [main, 'server'], {
    env: {
      ROADSTEAD_DATA: join(folder.path, 'data'),
      ROADSTEAD_HOST: '127.0.0.1',
      ROADSTEAD_PORT: address.split(':')[1],
      ROADSTEAD_ADMIN_PASSWORD: admin.password,
    },
    timeoutMs: 120_000,
    isReady: async () => {
      const reply = await fetch(`http://${address}/api/v2.0/ping`);
      return (await reply.text()).trim() === 'Pong';
    },
  });
  return use(address, admin, async () => {
    await daemon.stop();
    await folder.stop();
  });
}

function use(address: string, admin: Account, stop: () => Promise<void>): Server {
  const url = `http://${address}`;

  function request(method: string, path: string, options: RequestOptions = {}) {
    const { body, as = admin, headers } = options;
    return fetch(url + path, {
      method,
      headers: {
        authorization: `Basic ${btoa(`${as.username}:${as.password}`)}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
  }

  async function create(path: string, body: object) {
    const reply = await request('POST', `/api/v2.0/${path}`, { body });
    const text = await reply.text();
    if (reply.status === 201) return text;
    throw new Error(`POST ${path}: ${reply.status} ${text}`);
  }

  return {
    address,
    url,
    admin,
    request,
    stop,
    async createProject(options) {
      const name = `team-${word()}`;
      const metadata = { public: String(options?.public ?? false) };
      await create('projects', { project_name: name, metadata });
      return name;
    },
    async createMember(project, role) {
      const account = { username: `user-${word()}`, password: password() };
      const { username } = account;
      const email = `${username}@example.com`;
      await create('users', { ...account, email, realname: username, comment: '' });
      const member_user = { username };
      await create(`projects/${project}/members`, { role_id: ROLES[role], member_user });
      return account;
    },
    async createRobot(namespace, ...actions) {
      const access = actions.map((action) => ({ resource: 'repository', action }));
      const permissions = [{ kind: 'project', namespace, access }];
      const robot = { name: `ci-${word()}`, level: 'project', duration: 1, permissions };
      const { id, name, secret } = JSON.parse(await create('robots', robot));
      return { id, username: name, password: secret };
    },
  };
}

export async function findFreePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
