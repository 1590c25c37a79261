import assert from 'node:assert/strict';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import {
  findChildren,
  isAlive,
  listDescendants,
  startServer,
  startWithDatabase,
  waitFor,
  type Server,
} from './support/program.ts';

/** The faults that these tests plant, in every process of a server, by the signal that brings them on. */
const faults = `
  process.on('SIGUSR2', () => Promise.reject(new Error('planted: nobody hears of it')));
  process.on('SIGHUP', () => { throw new Error('planted: nobody catches it'); });`;
const node = ['--import', `data:text/javascript,${encodeURIComponent(faults)}`];

const fatalLines = (server: Server) =>
  server
    .stdout()
    .split('\n')
    .filter((line) => line.includes('"fatal"'))
    .map((line) => JSON.parse(line) as { level: string; msg: string; err: { message: string } });

test('an error that nobody caught in a worker has its line in the log, and another worker starts', async (t) => {
  const server = await startWithDatabase(t, { node, env: { ROADSTEAD_WORKERS: '2' } });
  for (const signal of ['SIGHUP', 'SIGUSR2'] as const) {
    const [worker] = findChildren(server.pid, 'worker');

    process.kill(worker!, signal);

    await waitFor(() => !isAlive(worker!) && findChildren(server.pid, 'worker').length === 2);
  }

  assert.deepEqual(
    fatalLines(server).map(({ level, msg, err }) => [level, msg, err.message]),
    [
      ['fatal', 'worker failed', 'planted: nobody catches it'],
      ['fatal', 'worker failed', 'planted: nobody hears of it'],
    ],
  );
  assert.doesNotMatch(server.stderr(), /planted/);
});

test('an error that nobody caught in the primary ends the server, and the log says why', async (t) => {
  const server = await startServer(t, { node });
  const all = listDescendants(server.pid);

  server.signal('SIGUSR2');

  assert.equal((await server.ended).code, 1);
  await waitFor(() => !all.some(isAlive));
  const [line] = fatalLines(server);
  assert.deepEqual(
    [line?.msg, line?.err.message],
    ['server failed', 'planted: nobody hears of it'],
  );
});

test('a PostgreSQL that ended and cannot be tidied up is no end of the server', async (t) => {
  const server = await startServer(t);
  const [postmaster] = findChildren(server.pid, 'postgres');
  const inTheWay = join(server.data, 'postgres.lock-owner');
  rmSync(inTheWay);
  mkdirSync(inTheWay);

  process.kill(postmaster!, 'SIGKILL');
  await waitFor(() => server.stdout().includes('postgres not tidied up'));
  await waitFor(() => server.stdout().includes('postgres not started'));
  rmSync(inTheWay, { recursive: true });

  await waitFor(() => findChildren(server.pid, 'postgres').length === 1);
  await waitFor(async () => (await fetch(`${server.url}/api/v2.0/health`)).status === 200);
});
