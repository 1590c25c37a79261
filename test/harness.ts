import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { Secret } from '../src/lib/secret.ts';
import { readConfig, toConfig, type ConfigValues } from '../src/platform/config/index.ts';
import { openLookups } from '../src/platform/db/lookups.ts';
import { Disks } from '../src/platform/disk/index.ts';
import { Recorder } from '../src/platform/events/index.ts';
import type { App } from '../src/platform/http/routes.ts';
import type { Platform } from '../src/platform/index.ts';
import { createLog } from '../src/platform/log/index.ts';
import { createMetrics } from '../src/platform/metrics/index.ts';
import { createSecretBox } from '../src/platform/secret-box.ts';
import { openStorage } from '../src/platform/storage/index.ts';
import { createApp, type AppOptions } from '../src/server/app.ts';
import { createRateLimits } from '../src/server/rate-limits.ts';
import { client, type Client } from './harness/client.ts';
import { ADMIN_PASSWORD, createDatabase, open, type Address } from './harness/database.ts';

export { ADMIN_PASSWORD };
export const PASSWORD = 'Passw0rdPassw0rd';

export interface TestApp {
  app: App;
  platform: Platform;
  address: Address;
  /** Requests of `admin`, of a user made with `createUser`, or of nobody. */
  as(username: string): Client;
  /** Makes a user with the password `PASSWORD`; with a role in projects: `{ team: 2 }`. */
  createUser(username: string, roles?: Record<string, number>): Promise<void>;
  createProject(name: string, isPublic?: boolean): Promise<void>;
  /** Listens on a free port of 127.0.0.1 and answers the URL. */
  listen(): Promise<string>;
}

export interface TestOptions {
  /** Changes to the default configuration. */
  config?: (values: ConfigValues) => void;
  tls?: AppOptions['tls'];
  /** Another node on the same database and data folder. */
  besides?: { address: Address; platform: { config: { data: string } } };
}

/** The whole program on a database and folder of its own, without worker processes. */
export async function startApp(t: TestContext, options: TestOptions = {}): Promise<TestApp> {
  const address = options.besides?.address ?? (await createDatabase(t));
  const values = readConfig({});
  values.data = options.besides?.platform.config.data ?? (await temporaryFolder(t));
  values.log.level = 'fatal';
  Object.assign(values.storage, { reserve_bytes: 0, warn_free_bytes: 0 }); // whatever this machine has left
  options.config?.(values);
  const platform = await openPlatform(values, address);
  const app = await createApp(platform, {
    collectMetrics: () => collect(platform),
    rateLimits: createRateLimits(platform),
    ...(options.tls === undefined ? {} : { tls: options.tls }),
  });
  t.after(async () => {
    await app.close();
    await Promise.all([platform.db.destroy(), platform.lookups.destroy()]);
  });
  await app.ready();

  const as = (username: string) =>
    client(app, username, username === 'admin' ? ADMIN_PASSWORD : PASSWORD);
  return { app, platform, address, as, ...shortcuts(as), listen: () => listen(app) };
}

async function openPlatform(values: ConfigValues, address: Address): Promise<Platform> {
  const config = toConfig(values);
  const storage = await openStorage(config);
  await storage.prepare();
  const db = open(address, Math.min(config.database.pool_size, 5), config.overload.waiting_queries);
  const log = createLog({ level: values.log.level });
  return {
    config,
    db,
    lookups: openLookups(address, {
      poolSize: Math.min(config.database.pool_size, 2),
      applicationName: 'test',
      maxWaiting: config.overload.waiting_lookups,
    }),
    storage,
    disks: new Disks(config),
    secretBox: createSecretBox(new Secret('a secret key for tests, 32 characters')),
    log,
    metrics: createMetrics(),
    recorder: new Recorder({ db, log }),
    stopping: new AbortController().signal,
  };
}

async function collect({ metrics: { registry } }: Platform) {
  return { contentType: registry.contentType, text: await registry.metrics() };
}

export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'roadstead-test-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

function shortcuts(as: TestApp['as']): Pick<TestApp, 'createUser' | 'createProject'> {
  const must = (reply: { statusCode: number; body: string }) => {
    if (reply.statusCode !== 201) throw new Error(`${reply.statusCode} ${reply.body}`);
  };
  return {
    async createUser(username, roles = {}) {
      const user = {
        username,
        email: `${username}@example.com`,
        realname: username,
        password: PASSWORD,
      };
      must(await as('admin').post('/api/v2.0/users', user));
      for (const [project, role_id] of Object.entries(roles)) {
        const member = { role_id, member_user: { username } };
        must(await as('admin').post(`/api/v2.0/projects/${project}/members`, member));
      }
    },
    async createProject(name, isPublic = false) {
      const project = { project_name: name, metadata: { public: String(isPublic) } };
      must(await as('admin').post('/api/v2.0/projects', project));
    },
  };
}

async function listen(app: App): Promise<string> {
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const scheme = 'setSecureContext' in app.server ? 'https' : 'http';
  return `${scheme}://127.0.0.1:${port}`;
}
