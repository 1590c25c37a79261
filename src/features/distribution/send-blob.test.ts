import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readlink } from 'node:fs/promises';
import { Agent, type IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import type { TestApp } from '../../../test/harness.ts';
import { pushBlob } from '../../../test/harness/registry.ts';
import { shareApp } from '../../../test/harness/share-app.ts';
import { beginRequest, send } from '../../../test/harness/wire.ts';

const APP = 'library/app';
const MIB = 1024 * 1024;
const shared = shareApp();

let listening: Promise<string> | undefined;

const listen = (app: TestApp) => (listening ??= app.listen());

async function countSent({ platform }: TestApp): Promise<number> {
  return (await platform.metrics.bytesSent.get()).values[0]!.value;
}

/** The blobs of the app that this process has open (Linux). */
async function listOpenFiles({ platform }: TestApp): Promise<string[]> {
  const fds = await readdir('/proc/self/fd').catch(() => []);
  const names = await Promise.all(fds.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
  return names.filter((name) => name.startsWith(`${platform.config.data}/blobs/`));
}

test('the bytes of a large blob are counted as they are sent, whole or in part, to several at once', async () => {
  const app = await shared();
  const url = await listen(app);
  const bytes = randomBytes(5 * MIB + 7);
  const blob = `${url}/v2/${APP}/blobs/${await pushBlob(app.as('admin'), APP, bytes)}`;
  const before = await countSent(app);

  const whole = await Promise.all([1, 2, 3, 4].map(() => send(blob)));
  const part = await send(blob, { headers: { range: `bytes=${MIB}-${4 * MIB}` } });

  for (const { body } of whole) assert.ok(body.equals(bytes));
  assert.ok(part.body.equals(bytes.subarray(MIB, 4 * MIB + 1)));
  assert.equal((await countSent(app)) - before, 4 * bytes.length + part.body.length);
});

test('of a download that is broken off only what was sent is counted, and no file stays open', async () => {
  const app = await shared();
  const url = await listen(app);
  const digest = await pushBlob(app.as('admin'), APP, randomBytes(64 * MIB));
  const { request } = beginRequest(`${url}/v2/${APP}/blobs/${digest}`, { agent: new Agent() });
  request.end();
  const before = await countSent(app);

  const [reply] = (await once(request, 'response')) as [IncomingMessage];
  reply.pause();
  request.destroy();
  await once(request, 'close');

  const until = performance.now() + 60_000;
  while ((await listOpenFiles(app)).length > 0 && performance.now() < until) await sleep(20);
  assert.deepEqual(await listOpenFiles(app), []);
  const sent = (await countSent(app)) - before;
  assert.ok(sent > 0 && sent < 32 * MIB, `${sent} bytes are counted`);
});
