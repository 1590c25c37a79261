import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { PROJECT } from '../world.ts';
import { answersV2, findFreePort, startDaemon, type Daemon } from './daemon.ts';
import type { Action, Us } from './peer.ts';
import { seedRepositories } from './us-seed.ts';
import { Tokens } from './us-tokens.ts';

const root = join(import.meta.dirname, '../..');

/** Our server as its users start it: all checks, all log lines, embedded PostgreSQL that syncs. */
export async function startUs(options: {
  folder: string;
  nodeOptions?: string;
  env?: Record<string, string>;
}): Promise<Us> {
  const { folder, nodeOptions, env = {} } = options;
  const port = await findFreePort();
  const data = join(folder, 'data');
  mkdirSync(folder, { recursive: true });
  const account = { username: 'admin', password: 'Bench-Bench-1' };
  const start = (isReady: () => Promise<boolean>, pollMs?: number): Promise<Daemon> =>
    startDaemon(join(root, 'bin/roadstead'), ['server'], {
      env: {
        ROADSTEAD_DATA: data,
        ROADSTEAD_HOST: '127.0.0.1',
        ROADSTEAD_PORT: String(port),
        ROADSTEAD_ADMIN_PASSWORD: account.password,
        ...(nodeOptions === undefined ? {} : { NODE_OPTIONS: nodeOptions }),
        ...env,
      },
      cwd: folder,
      errorFile: join(folder, 'errors.log'),
      isReady,
      ...(pollMs === undefined ? {} : { pollMs }),
    });
  let daemon = await start(() => answersV2(port));
  await createProject(port, account);
  const tokens = new Tokens(port, account);
  const scopeOf = (name: string, actions: Action[]) => `repository:${name}:${actions.join(',')}`;

  return {
    name: 'us',
    title: `Roadstead ${readVersion()}`,
    remark:
      'bearer tokens checked, one for each repository; syncs files, folders and the database before it answers',
    port,
    account,
    get pid() {
      return daemon.pid;
    },
    authorize: (repositories, actions) =>
      tokens.get(repositories.map((name) => scopeOf(name, actions))),
    authorizeCatalog: async () => (await tokens.get(['registry:catalog:*']))[0],
    seed: (repositories) => seedRepositories(data, repositories),
    async restart(isReady) {
      await daemon.stop();
      const begin = performance.now();
      daemon = await start(isReady, 5);
      return (performance.now() - begin) / 1000;
    },
    stop: () => daemon.stop(),
  };
}

async function createProject(port: number, account: Us['account']): Promise<void> {
  const reply = await fetch(`http://127.0.0.1:${port}/api/v2.0/projects`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${btoa(`${account.username}:${account.password}`)}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ project_name: PROJECT, metadata: { public: 'false' } }),
  });
  // It is there when a kept folder is used again.
  if (reply.status !== 201 && reply.status !== 409) {
    throw new Error(`the project was not made: ${reply.status} ${await reply.text()}`);
  }
}

function readVersion(): string {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    version: string;
  };
  const git = ['log', '-1', '--format=%h'];
  return `${version} (${execFileSync('git', git, { cwd: root, encoding: 'utf8' }).trim()})`;
}
