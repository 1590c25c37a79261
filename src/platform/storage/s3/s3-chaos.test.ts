import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import {
  startFaultyLine,
  type Fault,
  type FaultyLine,
} from '../../../../test/harness/faulty-line.ts';
import { digestOf } from '../../../../test/harness/registry.ts';
import { needsS3, shareS3 } from '../../../../test/harness/s3.ts';
import { basic } from '../../../../test/harness/client.ts';
import { send } from '../../../../test/harness/wire.ts';
import { ADMIN_PASSWORD, startApp } from '../../../../test/harness.ts';
import { randomOf, type Random } from '../../../../test/fuzz/random.ts';
import { startTraffic } from '../../../../test/traffic/index.ts';

const MIB = 1024 * 1024;
const store = shareS3();

/** What a store, and the line to it, may do to any request. Some come more often than a request is tried again. */
const FAULTS: Omit<Fault, 'times'>[] = [
  { on: /./, answer: { status: 503, code: 'SlowDown' } },
  { on: /./, answer: { status: 500, code: 'InternalError' } },
  { on: /./, answer: { status: 429, code: 'TooManyRequests' } },
  { on: /./, loseReply: true },
  { on: /^PUT /, breakRequestAfter: 0 },
  { on: /^PUT /, breakRequestAfter: 10_000 },
  { on: /^GET /, breakReplyAfter: 0 },
  { on: /^GET /, breakReplyAfter: 10_000 },
  // S3 may begin to answer 200 and then find that it could not be done.
  { on: /^POST .*uploadId/, answer: { status: 200, code: 'InternalError' } },
];

/** About every second request meets a fault, mostly some in a row. */
async function breakThings({ faults, seen }: FaultyLine, random: Random, signal: AbortSignal) {
  while (!signal.aborted) {
    faults.splice(0, faults.length, { ...random.pick(FAULTS), times: 1 + random.below(12) });
    const next = seen.length + random.below(25);
    while (seen.length < next && !signal.aborted) await sleep(5);
  }
  faults.length = 0;
}

/** Pushes blobs of several parts until the signal, and notes the digests of those that were acknowledged. */
async function pushLarge(
  url: string,
  random: Random,
  acknowledged: string[],
  signal: AbortSignal,
): Promise<void> {
  for (let number = 0; !signal.aborted; number++) {
    const seed = createHash('sha256').update(`large ${number}`).digest();
    const bytes = Buffer.alloc(9 * MIB + random.below(12 * MIB), seed);
    const digest = digestOf(bytes);
    const begun = await send(`${url}/blobs/uploads/`, { method: 'POST' });
    if (begun.statusCode !== 202) continue;
    const path = new URL(begun.headers.location!, url).href;
    const middle = random.below(bytes.length);
    const patched = await send(path, { method: 'PATCH', body: bytes.subarray(0, middle) });
    const offset = patched.statusCode === 202 ? middle : 0;
    const put = await send(`${path}?digest=${digest}`, {
      method: 'PUT',
      headers: { 'content-range': `${offset}-${bytes.length - 1}` },
      body: bytes.subarray(offset),
    });
    assert.ok([201, 404, 416, 503].includes(put.statusCode), put.body.toString());
    if (put.statusCode === 201) acknowledged.push(digest);
  }
}

test(
  'whatever the store and the line to it do, what was acknowledged is there and right',
  needsS3,
  async (t) => {
    const server = await store();
    const line = await startFaultyLine(t, server.url);
    const s3 = await server.makeBucket({ endpoint: line.url });
    const app = await startApp(t, { config: (values) => Object.assign(values, { s3 }) });
    const url = await app.listen();
    const random = randomOf(4);
    const ending = new AbortController();
    const { signal } = ending;
    const traffic = startTraffic({
      url,
      headers: { authorization: basic('admin', ADMIN_PASSWORD) },
      customers: 3,
      project: 'library',
      seed: 4,
    });
    const breaking = breakThings(line, random, signal);
    const large: string[] = [];
    const pushing = pushLarge(`${url}/v2/library/large`, random, large, signal);
    pushing.catch(() => ending.abort());

    while ((traffic.progress() < 300 || large.length < 10) && !signal.aborted) await sleep(50);
    ending.abort();
    await Promise.all([breaking, pushing, traffic.stop()]);
    await traffic.check();

    t.diagnostic(
      `${large.length} large blobs, ${traffic.lost()} answers lost, ${JSON.stringify(traffic.done())}`,
    );
    assert.deepEqual(traffic.complaints(), []);
    for (const digest of large) {
      const { statusCode, body } = await send(`${url}/v2/library/large/blobs/${digest}`);
      assert.deepEqual([statusCode, digestOf(body)], [200, digest]);
    }
  },
);
