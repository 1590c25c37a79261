import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { pushBlob, pushImage, verify } from './support/content.ts';
import {
  ADMIN_PASSWORD,
  authorization,
  findChildren,
  runToEnd,
  startServer,
  temporaryFolder,
  waitFor,
  type Server,
} from './support/program.ts';

const QUICK = {
  ROADSTEAD_ADMIN_PASSWORD: ADMIN_PASSWORD,
  ROADSTEAD_GC_GRACE_SECONDS: '0',
  ROADSTEAD_GC_HOLD_SECONDS: '0',
  ROADSTEAD_GC_INTERVAL_SECONDS: '1',
};

/** Of blobs: the mark of the store has a name of its own. */
const countFiles = ({ data }: Server) =>
  readdirSync(join(data, 'blobs'), { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && !entry.name.startsWith('00000000-0000-'),
  ).length;

async function readFigure({ url }: Server, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

test('the server gives space back by itself, also after its jobs worker was killed', async (t) => {
  const server = await startServer(t, { env: QUICK });
  const [config, layer] = await pushImage(server.url, 'kept');
  await pushBlob(server.url, 5000);
  await waitFor(() => countFiles(server) === 2);
  await waitFor(async () => (await readFigure(server, 'roadstead_gc_freed_bytes_total')) >= 5000);

  process.kill(findChildren(server.pid, 'jobs')[0]!, 'SIGKILL');
  await pushBlob(server.url, 5000);
  await waitFor(() => countFiles(server) === 2);

  for (const digest of [config!, layer!]) await verify(server.url, 'blobs', digest);
});

test('the server empties the trash by itself, and the space comes back', async (t) => {
  // Some grace, so that a slow push of an image keeps its first blobs.
  const env = { ...QUICK, ROADSTEAD_GC_GRACE_SECONDS: '3', ROADSTEAD_TRASH_DAYS: '0' };
  const server = await startServer(t, { env });
  const [, , digest] = await pushImage(server.url, 'deleted');
  const filesBefore = countFiles(server);

  const { status } = await fetch(`${server.url}/v2/library/app/manifests/${digest}`, {
    method: 'DELETE',
    headers: authorization(ADMIN_PASSWORD),
  });
  await waitFor(() => countFiles(server) === 0);

  assert.deepEqual([filesBefore, status], [2, 202]);
});

test('roadstead gc shows what there is with --dry-run, and collects without, beside a running server', async (t) => {
  const { ROADSTEAD_ADMIN_PASSWORD } = QUICK;
  const server = await startServer(t, { env: { ROADSTEAD_ADMIN_PASSWORD } });
  await pushBlob(server.url, 3000);
  const env = { ...QUICK, ROADSTEAD_DATA: server.data };

  const dry = await runToEnd(t, ['gc', '--dry-run'], { env });
  const filesAfterDry = countFiles(server);
  const collected = await runToEnd(t, ['gc'], { env });

  assert.deepEqual([dry.code, collected.code], [0, 0], dry.stderr + collected.stderr);
  assert.match(dry.stdout, /Reclaimable now: +1 \(2\.9 KiB\)/);
  assert.equal(filesAfterDry, 1);
  assert.match(collected.stdout, /Removed from store: +1 \(2\.9 KiB\)/);
  assert.match(collected.stdout, /Reclaimable now: +0 \(0 B\)/);
  assert.equal(countFiles(server), 0);
});

test('what is held is shown by the metrics and by roadstead gc, which takes and releases holds', async (t) => {
  const server = await startServer(t, { env: QUICK });
  const isShown = async () =>
    (await (await fetch(`${server.url}/metrics`)).text()).includes(
      'roadstead_gc_held_since_timestamp_seconds{hold="by-hand"}',
    );
  const gc = (...words: string[]) =>
    runToEnd(t, ['gc', ...words], { env: { ...QUICK, ROADSTEAD_DATA: server.data } });

  const taken = await gc('--hold', 'by-hand');
  await waitFor(isShown);
  await pushBlob(server.url, 5000);
  const collected = await gc();
  const renewed = await gc('--hold', 'by-hand', '--hours', '2');
  const wrong = await gc('--release-hold', 'backup');
  const filesHeld = countFiles(server);
  const released = await gc('--release-hold', 'by-hand');
  await waitFor(() => countFiles(server) === 0);
  await waitFor(async () => !(await isShown()));

  assert.match(taken.stdout, /held by by-hand since .* until it is released/);
  assert.match(collected.stdout, /Blobs collected: +0/);
  assert.match(renewed.stdout, /held by by-hand since .* at least until/);
  assert.match(wrong.stderr, /there is no hold "backup"/);
  assert.doesNotMatch(released.stdout, /held by/);
  const codes = [taken, collected, renewed, wrong, released].map(({ code }) => code);
  assert.deepEqual(codes, [0, 0, 0, 1, 0]);
  assert.equal(filesHeld, 1);
});

test('roadstead gc says what is wrong with a hold', async (t) => {
  const env = { ROADSTEAD_DATA: temporaryFolder(t) };
  for (const [words, reason] of [
    [['--hold', 'My Backup'], /small letters/],
    [['--hold', 'x', '--hours', 'two'], /--hours is a number above 0, not "two"/],
    [['--hours', '2'], /--hours belongs to --hold/],
  ] as const) {
    const { code, stderr } = await runToEnd(t, ['gc', ...words], { env });
    assert.equal(code, 1);
    assert.match(stderr, reason);
  }
});
