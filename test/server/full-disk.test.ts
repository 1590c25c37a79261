import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import pg from 'pg';

import { findRunningPostgres } from '../../src/platform/db/embedded/index.ts';
import { beginRequest, send } from '../harness/wire.ts';
import { startTraffic } from '../traffic/index.ts';
import { digestOf, pushBlob, verify } from './support/content.ts';
import {
  ADMIN_PASSWORD,
  authorization,
  onEnd,
  runToEnd,
  startServer,
  temporaryFolder,
  waitFor,
} from './support/program.ts';

const MIB = 1024 * 1024;
const REPOSITORY = '/v2/library/app';
const given = { ROADSTEAD_ADMIN_PASSWORD: ADMIN_PASSWORD, ROADSTEAD_LOG_REQUESTS: 'none' };
const isMountAllowed =
  spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;
const needsMount = {
  skip: !isMountAllowed && 'a small disk needs the right to mount one',
} as const;

/** A data folder on a disk of its own. */
function mountDisk(t: TestContext, sizeMib: number): string {
  const disk = join(temporaryFolder(t), 'disk');
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeMib}m`, 'tmpfs', disk]);
  onEnd(t, () => execFileSync('umount', ['--lazy', disk]));
  return join(disk, 'data');
}

/** Fills the disk but for so many bytes, as a neighbour on it may. Answers what gives them back. */
function fillDisk(data: string, leftBytes: number): () => void {
  const path = join(data, '..', 'neighbour');
  const file = openSync(path, 'a');
  try {
    for (;;) {
      const { bavail, bsize } = statfsSync(data);
      const bytes = Math.min(bavail * bsize - leftBytes, MIB);
      if (bytes <= 0) break;
      writeSync(file, Buffer.alloc(bytes));
    }
  } catch {
    // Full.
  } finally {
    closeSync(file);
  }
  return () => rmSync(path);
}

async function needNewLog(data: string): Promise<void> {
  const client = new pg.Client(findRunningPostgres(join(data, 'postgres')));
  client.on('error', () => {});
  await client.connect();
  for (let file = 0; file < 20; file += 1) {
    const isDown = await client
      .query("select pg_logical_emit_message(true, '', 'x'), pg_switch_wal()")
      .then(
        () => false,
        () => true,
      );
    if (isDown) break;
  }
  await client.end().catch(() => {});
}

test(
  'when only the reserve is left pushes are refused, and all else goes on',
  needsMount,
  async (t) => {
    const data = mountDisk(t, 500);
    const server = await startServer(t, {
      data,
      env: {
        ...given,
        ROADSTEAD_STORAGE_RESERVE_BYTES: String(120 * MIB),
        ROADSTEAD_STORAGE_WARN_FREE_BYTES: String(200 * MIB),
        ROADSTEAD_STORAGE_WARN_FREE_PERCENT: '100',
      },
    });
    const health = async () => (await fetch(`${server.url}/api/v2.0/health`)).json();
    const logged = (message: string) => server.stdout().split(message).length - 1;
    const kept = await pushBlob(server.url, 1000);
    const upload = (await send(`${server.url}${REPOSITORY}/blobs/uploads/`, { method: 'POST' }))
      .headers.location!;
    const bytes = randomBytes(20 * MIB);
    await send(server.url + upload, { method: 'PATCH', body: bytes.subarray(0, MIB) });

    // One whose length is not known gets as far as it can, and the upload stays where it was.
    const makeRoom = fillDisk(data, 125 * MIB);
    const cut = beginRequest(server.url + upload, { method: 'PATCH' });
    cut.request.end(bytes.subarray(MIB));
    const refusals = [
      await cut.reply,
      await send(`${server.url}${REPOSITORY}/blobs/uploads/?digest=${digestOf(bytes)}`, {
        method: 'POST',
        body: bytes,
      }),
    ];
    const progress = await send(server.url + upload);
    fillDisk(data, 110 * MIB);
    refusals.push(await send(`${server.url}${REPOSITORY}/blobs/uploads/`, { method: 'POST' }));
    refusals.push(
      await send(`${server.url}${REPOSITORY}/manifests/1`, { method: 'PUT', body: '{}' }),
    );
    await waitFor(() => logged('disk full but for the reserve') === 1);
    await verify(server.url, 'blobs', kept);
    const deleted = await send(`${server.url}${REPOSITORY}/blobs/${kept}`, { method: 'DELETE' });
    const ill = await health();
    makeRoom();
    await waitFor(() => logged('disk has room again') === 1);
    const finished = await send(`${server.url}${upload}?digest=${digestOf(bytes)}`, {
      method: 'PUT',
      body: bytes.subarray(MIB),
    });

    for (const { statusCode, body } of refusals) {
      assert.equal(statusCode, 507, body.toString());
      assert.match(
        body.toString(),
        /less than 120\.0 MiB \(storage\.reserve_bytes\) would be left/,
      );
    }
    assert.equal(progress.headers.range, `0-${MIB - 1}`);
    assert.equal(deleted.statusCode, 202);
    assert.match(JSON.stringify(ill), /pushes are refused, make room/);
    assert.equal(finished.statusCode, 201, finished.body.toString());
    assert.equal(logged('disk full but for the reserve'), 1);
  },
);

test(
  'while others fill the disk to its last byte nothing that was acknowledged is lost, and it recovers by itself',
  needsMount,
  async (t) => {
    const data = mountDisk(t, 600);
    const server = await startServer(t, { data, env: { ...given, ROADSTEAD_WORKERS: '2' } });
    const traffic = startTraffic({
      url: server.url,
      headers: authorization(ADMIN_PASSWORD),
      customers: 4,
      project: 'library',
      seed: 3,
    });
    onEnd(t, () => traffic.stop());
    const makeProgress = async () => {
      const before = traffic.progress();
      await waitFor(
        () => traffic.progress() > before + 30,
        120_000,
        () => server.stdout().slice(-3000),
      );
    };

    for (let round = 0; round < 3; round += 1) {
      await makeProgress();
      const lost = traffic.lost();
      const makeRoom = fillDisk(data, 0);
      // PostgreSQL needs a new file for its log, and stops where it can have none.
      await needNewLog(data);
      await waitFor(() => traffic.lost() > lost + 20);
      makeRoom();
    }
    await makeProgress();
    await traffic.stop();
    await waitFor(
      async () => (await fetch(`${server.url}/api/v2.0/health`)).status === 200,
      60_000,
    );
    await traffic.check();

    const log = readFileSync(join(data, 'postgres.log'), 'utf8');
    assert.match(log, /PANIC: .*No space left on device/);
    t.diagnostic(`${traffic.lost()} answers lost, ${JSON.stringify(traffic.done())}`);
    assert.deepEqual(traffic.complaints(), []);
  },
);

test(
  'a backup on a full disk says so and leaves nothing half; with room the next one is whole',
  needsMount,
  async (t) => {
    const dir = mountDisk(t, 2);
    const server = await startServer(t, { env: given });
    await pushBlob(server.url, 3 * MIB);
    const env = { ROADSTEAD_DATA: server.data };

    const full = await runToEnd(t, ['backup', dir], { env });
    const left = readdirSync(dir).filter((name) => name.startsWith('.'));
    execFileSync('mount', ['-o', 'remount,size=20m', join(dir, '..')]);
    const made = await runToEnd(t, ['backup', dir], { env });
    const verified = await runToEnd(t, ['backup', dir, '--verify'], { env });

    assert.match(full.stderr, /the disk of .* is full: make room/);
    assert.deepEqual([full.code, left, made.code, verified.code], [1, [], 0, 0], made.stderr);
  },
);
