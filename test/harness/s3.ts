/** A real S3 store for tests: versitygw on a folder, each bucket a folder in it. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, mkdir, readdir, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { clients, findClient } from '../../scripts/clients/catalogue.ts';
import { readConfig, type ConfigValues } from '../../src/platform/config/index.ts';

const program = findClient(clients.find(({ name }) => name === 'versitygw')!);

/** Options of tests that need a store. `npm run test:clients` installs it, and fails where it can't. */
export const needsS3 = {
  skip: program === undefined && 'versitygw is not installed; npm run test:clients gets it',
} as const;

export const ACCESS_KEY = 'roadstead-test';
export const SECRET_KEY = 'secret-of-the-tests';

export interface S3Server {
  url: string;
  /** Makes a bucket; answers the configuration for it. */
  makeBucket(changes?: Partial<ConfigValues['s3']>): Promise<ConfigValues['s3']>;
  /** The folder in which a bucket is: its objects are files. */
  folderOf(bucket: string): string;
  /** What is in a bucket, the parts of unfinished uploads too. */
  listFiles(bucket: string): Promise<string[]>;
}

/** One store for the tests of a file. Call it at the top of the file. */
export function shareS3(): () => Promise<S3Server> {
  const cleanups: (() => Promise<unknown>)[] = [];
  after(async () => {
    for (const cleanUp of cleanups.toReversed()) await cleanUp();
  });
  let server: Promise<S3Server> | undefined;
  return () => (server ??= start(cleanups));
}

async function start(cleanups: (() => Promise<unknown>)[]): Promise<S3Server> {
  const root = await mkdtemp(join(tmpdir(), 'roadstead-s3-'));
  cleanups.push(() => rm(root, { recursive: true, force: true }));
  const port = await findFreePort();
  const child = spawn(
    program!,
    ['--port', `127.0.0.1:${port}`, '--quiet', '--keep-alive', 'posix', root],
    {
      env: { ROOT_ACCESS_KEY: ACCESS_KEY, ROOT_SECRET_KEY: SECRET_KEY },
      stdio: 'ignore',
    },
  );
  cleanups.push(async () => {
    child.kill();
    await once(child, 'exit');
  });
  const url = `http://127.0.0.1:${port}`;
  await waitFor(url);
  return {
    url,
    async makeBucket(changes = {}) {
      const bucket = `bucket-${randomBytes(6).toString('hex')}`;
      await mkdir(join(root, bucket));
      return {
        ...readConfig({}).s3,
        bucket,
        endpoint: url,
        access_key_id: ACCESS_KEY,
        secret_access_key: SECRET_KEY,
        ...changes,
      };
    },
    folderOf: (bucket) => join(root, bucket),
    async listFiles(bucket) {
      const entries = await readdir(join(root, bucket), { recursive: true, withFileTypes: true });
      return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
    },
  };
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function waitFor(url: string): Promise<void> {
  for (let tries = 0; tries < 2400; tries++) {
    const answers = await fetch(url).then(
      () => true,
      () => false,
    );
    if (answers) return;
    await sleep(25);
  }
  throw new Error('versitygw does not start');
}
