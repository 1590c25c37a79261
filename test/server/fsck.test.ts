import assert from 'node:assert/strict';
import { readdirSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { pushBlob, pushImage, verify } from './support/content.ts';
import {
  ADMIN_PASSWORD,
  run,
  runToEnd,
  startServer,
  stopServer,
  waitFor,
  type Server,
} from './support/program.ts';

const env = { ROADSTEAD_ADMIN_PASSWORD: ADMIN_PASSWORD };

/** The files of blobs, without the mark of the store. */
const listBlobFiles = ({ data }: Server) =>
  readdirSync(join(data, 'blobs'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith('00000000-0000-'))
    .map(({ parentPath, name }) => join(parentPath, name));

test('roadstead fsck finds damage, repairs it, and says so by its exit code, beside a running server and without', async (t) => {
  const server = await startServer(t, { env });
  const fsck = (...words: string[]) =>
    runToEnd(t, ['fsck', ...words], { env: { ROADSTEAD_DATA: server.data } });
  const [config, layer] = await pushImage(server.url, 'v1');

  const clean = await fsck('--verify', '--rate', '100MB/s');
  for (const file of listBlobFiles(server)) truncateSync(file, 1);
  const found = await fsck();
  const json = await fsck('--json');
  const repaired = await fsck('--repair');
  await stopServer(server);
  const stopped = await fsck();

  assert.deepEqual(
    [clean, found, json, repaired, stopped].map(({ code }) => code),
    [0, 1, 1, 1, 1],
    clean.stderr + clean.stdout,
  );
  assert.match(clean.stdout, /Clean: the database and its store agree/);
  assert.match(found.stdout, /Blobs whose bytes have another size: 2/);
  assert.match(found.stdout, /in library\/app:v1/);
  assert.match(found.stdout, /Nothing was changed: --repair/);
  const lines = json.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Finding);
  assert.deepEqual(
    lines.map(({ type }) => type),
    ['finding', 'finding', 'summary'],
  );
  assert.deepEqual(
    lines
      .slice(0, 2)
      .map(({ digest }) => digest)
      .toSorted(),
    [config, layer].toSorted(),
  );
  assert.deepEqual(lines[0]!.affected![0]!.tags, ['v1']);
  assert.match(repaired.stdout, /2 found, 2 repaired/);
  assert.match(stopped.stdout, /Blobs that are out of service since an earlier --repair: 2/);
});

interface Finding {
  type: string;
  digest?: string;
  affected?: { tags: string[] }[];
}

test('roadstead fsck that can not run ends with 2 and says why', async (t) => {
  const server = await startServer(t, { env });
  await pushBlob(server.url, 1000);
  const fsck = (...words: string[]) =>
    runToEnd(t, ['fsck', ...words], { env: { ROADSTEAD_DATA: server.data } });

  const outcomes = [
    await fsck('--rate', '5MB/s'),
    await fsck('--verify', '--rate', 'quick'),
    await fsck('--verify', '--after', '-1'),
    await fsck('--repair', '--accept-store'),
    await fsck('--unknown'),
  ];
  for (const file of listBlobFiles(server)) rmSync(file);
  rmSync(join(server.data, 'blobs/00'), { recursive: true });
  const foreign = await fsck();
  const accepted = await fsck('--accept-store');

  assert.deepEqual(
    [...outcomes, foreign, accepted].map(({ code }) => code),
    [2, 2, 2, 2, 2, 2, 1],
  );
  assert.match(outcomes[1]!.stderr, /--rate is a size a second, such as 50MB\/s, not "quick"/);
  assert.match(foreign.stderr, /lacks the mark of this database/);
  assert.match(accepted.stdout, /Blobs whose bytes are not in the store: 1/);
});

test('a server does not start on a store that is not its own', async (t) => {
  const server = await startServer(t, { env });
  await pushBlob(server.url, 1000);
  await stopServer(server);
  rmSync(join(server.data, 'blobs'), { recursive: true });

  const { code, stderr } = await runToEnd(t, ['server'], {
    env: { ROADSTEAD_DATA: server.data, ROADSTEAD_PORT: '0', ROADSTEAD_HOST: '127.0.0.1' },
  });

  assert.equal(code, 1);
  assert.match(stderr, /the blob store \(folder .*blobs\) is not the one of this database/);
});

test('roadstead fsck --verify is stopped by Ctrl-C, tells what it found, and goes on from there', async (t) => {
  const server = await startServer(t, { env });
  for (let n = 0; n < 20; n++) await pushBlob(server.url, 50_000);
  truncateSync(listBlobFiles(server)[0]!, 1);
  const environment = { env: { ROADSTEAD_DATA: server.data } };
  // It would take minutes.
  const slow = run(t, ['fsck', '--verify', '--rate', '5kB/s'], environment);
  await waitFor(() => slow.stderr().includes('verifying blobs'));
  slow.signalGroup('SIGINT');
  const { code } = await slow.ended;

  assert.equal(code, 2);
  assert.match(slow.stdout(), /Blobs whose bytes have another size: 1/);
  assert.match(slow.stdout(), /Not complete: stopped/);
  const rest = await runToEnd(t, ['fsck', '--verify', '--after', '5'], environment);
  assert.equal(rest.code, 1);
  assert.match(rest.stdout, /Verified: +0 manifests, 1[45] blobs/);
});

test('what a crash left in the folder is removed after fsck --repair, what is pushed meanwhile stays', async (t) => {
  const server = await startServer(t, {
    env: { ...env, ROADSTEAD_GC_HOLD_SECONDS: '0', ROADSTEAD_GC_INTERVAL_SECONDS: '1' },
  });
  const left = join(server.data, 'blobs/7a/7a000000-0000-4000-8000-000000000000');
  writeFileSync(left, 'left');
  const old = new Date(Date.now() - 3 * 24 * 60 * 60 * 1000);
  utimesSync(left, old, old);
  const [, layer] = await pushImage(server.url, 'v1');

  const repaired = await runToEnd(t, ['fsck', '--repair'], {
    env: { ROADSTEAD_DATA: server.data, ROADSTEAD_GC_HOLD_SECONDS: '0' },
  });
  await waitFor(() => listBlobFiles(server).length === 2);

  assert.equal(repaired.code, 1);
  assert.match(
    repaired.stdout,
    /Pieces of the store that nothing refers to: 1 \(4 B\); all repaired/,
  );
  await verify(server.url, 'blobs', layer!);
});
