import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { startFaultyLine, type Fault } from '../../../../test/harness/faulty-line.ts';
import { needsS3, shareS3 } from '../../../../test/harness/s3.ts';
import type { Refusal } from '../../../lib/errors.ts';
import { readConfig, toConfig } from '../../config/index.ts';
import { BEGINNING, type BlobStorage, type Checkpoint } from '../adapter.ts';
import { readAll } from '../read-all.ts';
import { openS3Storage } from './s3-storage.ts';

const MIB = 1024 * 1024;
const store = shareS3();

/** A store behind a line that can break. */
async function begin(t: TestContext) {
  const server = await store();
  const line = await startFaultyLine(t, server.url);
  const s3 = await server.makeBucket({ endpoint: line.url });
  const storage = openS3Storage(toConfig({ ...readConfig({}), s3 }).s3);
  await storage.prepare();
  line.seen.length = 0;
  return { storage, line, listFiles: () => server.listFiles(s3.bucket!) };
}

async function write(storage: BlobStorage, location: string, from: Checkpoint, bytes: Buffer) {
  const writer = await storage.openWriter(location, from);
  try {
    await writer.write(bytes);
    return await writer.sync();
  } finally {
    await writer.close();
  }
}

async function finish(storage: BlobStorage, location: string, from: Checkpoint, bytes?: Buffer) {
  const writer = await storage.openWriter(location, from);
  try {
    if (bytes !== undefined) await writer.write(bytes);
    return await writer.finish();
  } finally {
    await writer.close();
  }
}

async function read(storage: BlobStorage, location: string, sizeBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const reader = await storage.openReader(location, { start: 0, end: sizeBytes - 1 });
  for await (const chunk of readAll(reader)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

const SLOW_DOWN = { status: 503, code: 'SlowDown' };
/** Not tried again. */
const DENIED = { status: 403, code: 'AccessDenied' };

const PASSING: [what: string, fault: Fault][] = [
  ['a begin that is throttled', { on: /^POST .*\?uploads/, times: 3, answer: SLOW_DOWN }],
  ['parts that are throttled', { on: /^PUT .*partNumber/, times: 3, answer: SLOW_DOWN }],
  ['an end that is throttled', { on: /^POST .*uploadId/, times: 3, answer: SLOW_DOWN }],
  ['a part whose connection breaks', { on: /^PUT .*partNumber/, times: 2, breakRequestAfter: MIB }],
  ['a part whose answer is lost', { on: /^PUT .*partNumber/, times: 2, loseReply: true }],
  ['a begin whose answer is lost', { on: /^POST .*\?uploads/, times: 1, loseReply: true }],
  ['an end whose answer is lost', { on: /^POST .*uploadId/, times: 1, loseReply: true }],
  ['a download that is throttled', { on: /^GET /, times: 3, answer: SLOW_DOWN }],
  ['a download that breaks', { on: /^GET /, times: 2, breakReplyAfter: 3 * MIB }],
];

for (const [what, fault] of PASSING) {
  test(`${what}: it is tried again, and no byte is lost`, needsS3, async (t) => {
    const { storage, line } = await begin(t);
    const bytes = randomBytes(20_000_000);
    line.faults.push(fault);

    const { location } = await finish(storage, storage.newLocation(), BEGINNING, bytes);

    assert.ok((await read(storage, location, bytes.length)).equals(bytes));
    assert.equal(fault.times, 0, 'the fault was there');
  });
}

test('a store that stays throttled fails in the end, after few attempts', needsS3, async (t) => {
  const { storage, line } = await begin(t);
  line.faults.push({ on: /^PUT /, times: Infinity, answer: SLOW_DOWN });

  await assert.rejects(
    finish(storage, storage.newLocation(), BEGINNING, Buffer.from('a layer')),
    (error: Refusal) => error.status === 503 && (error.cause as Error).name === 'SlowDown',
  );

  assert.equal(line.seen.length, 5);
});

test('requests that failed after all attempts take none from the next one', needsS3, async (t) => {
  const { storage, line } = await begin(t);
  const whole = () => storage.writeWhole(storage.newLocation(), Buffer.from('a layer'));
  const broken = { on: /^PUT /, answer: { status: 500, code: 'InternalError' } };
  line.faults.push({ ...broken, times: Infinity });

  const failed = await Promise.allSettled(Array.from({ length: 20 }, whole));
  line.faults[0]!.times = 4;
  await whole();

  assert.ok(failed.every(({ status }) => status === 'rejected'));
  assert.equal(line.faults[0]!.times, 0);
});

test('a chunk that failed is sent again by the next writer', needsS3, async (t) => {
  const { storage, line } = await begin(t);
  const bytes = randomBytes(30_000_000);
  const location = storage.newLocation();
  const first = await write(storage, location, BEGINNING, bytes.subarray(0, 10_000_000));
  line.faults.push({ on: /^PUT .*partNumber=3/, times: 1, answer: DENIED });

  await assert.rejects(write(storage, location, first, bytes.subarray(10_000_000)));
  const { location: end } = await finish(storage, location, first, bytes.subarray(10_000_000));

  assert.ok((await read(storage, end, bytes.length)).equals(bytes));
});

test(
  'a writer that fails leaves nothing, and a removed upload nothing either',
  needsS3,
  async (t) => {
    const { storage, line, listFiles } = await begin(t);
    const [failed, removed] = [storage.newLocation(), storage.newLocation()];
    line.faults.push({ on: /^PUT .*partNumber=2/, times: 1, answer: DENIED });

    await assert.rejects(write(storage, failed, BEGINNING, randomBytes(20_000_000)));
    assert.deepEqual(await listFiles(), []);

    const checkpoint = await write(storage, removed, BEGINNING, randomBytes(20_000_000));
    await write(storage, removed, checkpoint, randomBytes(1000)); // nobody records this one
    assert.ok((await listFiles()).length >= 4);
    await storage.remove(removed);
    assert.deepEqual(await listFiles(), []);
  },
);

test('an upload that ends leaves one object and the tails it names', needsS3, async (t) => {
  const { storage, listFiles } = await begin(t);
  const bytes = randomBytes(25_000_000);
  const location = storage.newLocation();
  let checkpoint = BEGINNING;
  for (let start = 0; start < bytes.length; start += 5_000_000) {
    checkpoint = await write(
      storage,
      location,
      checkpoint,
      bytes.subarray(start, start + 5_000_000),
    );
  }

  const finished = await finish(storage, location, checkpoint);
  for (const left of finished.left) await storage.remove(left);

  assert.equal((await listFiles()).length, 1);
  assert.ok((await read(storage, finished.location, bytes.length)).equals(bytes));
});

test(
  'a small blob is one request, whether its last bytes come with the end or before',
  needsS3,
  async (t) => {
    const { storage, line } = await begin(t);

    await finish(storage, storage.newLocation(), BEGINNING, Buffer.from('a layer'));
    assert.equal(line.seen.length, 1);
    const location = storage.newLocation();
    const checkpoint = await write(storage, location, BEGINNING, Buffer.from('a layer'));
    await finish(storage, location, checkpoint);

    assert.equal(line.seen.length, 2);
  },
);

test(
  'a large blob passes through in constant memory, and who reads slowly is not read ahead for',
  needsS3,
  async (t) => {
    const { storage, line } = await begin(t);
    const size = 200 * MIB;
    const writer = await storage.openWriter(storage.newLocation(), BEGINNING);
    const block = randomBytes(MIB);
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    for (let sent = 0; sent < size; sent += MIB) {
      await writer.write(block);
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    const { location } = await writer.finish();
    await writer.close();

    const reader = await storage.openReader(location, { start: 0, end: size - 1 });
    let received = (await reader.next()).byteLength;
    await sleep(500);
    const readAhead = line.sentBack() - received;
    for (let chunk; (chunk = await reader.next()).byteLength > 0;) received += chunk.byteLength;
    await reader.close();

    t.diagnostic(`${most / MIB} MiB held while writing, ${readAhead / MIB} MiB read ahead`);
    assert.equal(received, size);
    assert.ok(most < 100 * MIB, `${most / MIB} MiB held while writing`);
    assert.ok(readAhead < 50 * MIB, `${readAhead / MIB} MiB read ahead`);
  },
);
