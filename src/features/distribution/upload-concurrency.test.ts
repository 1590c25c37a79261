import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { sql } from 'kysely';

import { startApp, type TestApp } from '../../../test/harness.ts';
import {
  beginUpload,
  codesOf,
  digestOf,
  listStoredFiles,
  pushBlob,
} from '../../../test/harness/registry.ts';
import { shareApp } from '../../../test/harness/share-app.ts';
import { beginRequest, send } from '../../../test/harness/wire.ts';

const APP = 'library/app';
const shared = shareApp();
const besides = shareApp({ besides: shared });
const urls = new Map<TestApp, Promise<string>>();

/** Two nodes on one database, a new upload, and its address on each. */
async function beginOnTwoNodes() {
  const nodes = [await shared(), await besides()] as const;
  for (const node of nodes) if (!urls.has(node)) urls.set(node, node.listen());
  const path = await beginUpload(nodes[0].as('admin'), APP);
  const [first, second] = [(await urls.get(nodes[0])!) + path, (await urls.get(nodes[1])!) + path];
  return { app: nodes[0], path, first, second };
}

async function pullBytes({ as }: TestApp, content: Buffer): Promise<Buffer> {
  const reply = await as('admin').get(`/v2/${APP}/blobs/${digestOf(content)}`);
  assert.equal(reply.statusCode, 200);
  return reply.rawPayload;
}

const findUpload = ({ platform }: TestApp, path: string) =>
  platform.db.selectFrom('upload').selectAll().where('id', '=', path.slice(-36)).executeTakeFirst();

/** Waits until a request holds the lease of the upload. */
async function waitForWriter(app: TestApp, path: string): Promise<void> {
  while ((await findUpload(app, path))?.lease_until === null) await sleep(10);
  await sleep(50); // it has opened its file
}

test('of two chunks for the same place on two nodes exactly one is taken', async () => {
  for (let times = 0; times < 10; times++) {
    const { app, path, first, second } = await beginOnTwoNodes();
    const chunks = [randomBytes(100_000), randomBytes(100_000)];
    const headers = { 'content-range': '0-99999' };

    const replies = await Promise.all([
      send(first, { method: 'PATCH', headers, body: chunks[0]! }),
      send(second, { method: 'PATCH', headers, body: chunks[1]! }),
    ]);

    const codes = replies.map(({ statusCode }) => statusCode);
    assert.deepEqual(codes.toSorted(), [202, 416]);
    const loser = replies[codes.indexOf(416)]!;
    assert.equal(loser.headers.location, path);
    const winner = chunks[codes.indexOf(202)]!;
    const finished = await send(`${second}?digest=${digestOf(winner)}`, { method: 'PUT' });
    assert.equal(finished.statusCode, 201);
    assert.ok((await pullBytes(app, winner)).equals(winner));
  }
});

test('chunks may go through several nodes in turn', async () => {
  const { app, first, second } = await beginOnTwoNodes();
  const bytes = randomBytes(400_000);

  for (const [index, url] of [first, second, second, first].entries()) {
    const start = index * 100_000;
    const headers = { 'content-range': `${start}-${start + 99_999}` };
    const body = bytes.subarray(start, start + 100_000);
    assert.equal((await send(url, { method: 'PATCH', headers, body })).statusCode, 202);
  }
  const finished = await send(`${second}?digest=${digestOf(bytes)}`, { method: 'PUT' });

  assert.equal(finished.statusCode, 201);
  assert.ok((await pullBytes(app, bytes)).equals(bytes));
});

test('of two that finish an upload at once exactly one does', async () => {
  for (let times = 0; times < 10; times++) {
    const { app, first, second } = await beginOnTwoNodes();
    const bytes = randomBytes(1000);
    await send(first, { method: 'PATCH', body: bytes });
    const query = `?digest=${digestOf(bytes)}`;

    const replies = await Promise.all([
      send(first + query, { method: 'PUT' }),
      send(second + query, { method: 'PUT' }),
    ]);

    const codes = replies.map(({ statusCode }) => statusCode).toSorted();
    assert.equal(codes[0], 201);
    assert.ok(codes[1] === 404 || codes[1] === 416, `the other one got ${codes[1]}`);
    assert.ok((await pullBytes(app, bytes)).equals(bytes));
  }
});

test('a PUT waits for the PATCH before it, and is 416 when that takes too long', async () => {
  const { app, path, first, second } = await beginOnTwoNodes();
  const bytes = randomBytes(2000);
  const { request, reply } = beginRequest(first, { method: 'PATCH' });
  request.write(bytes.subarray(0, 1000));
  await waitForWriter(app, path);

  const tooEarly = await send(`${second}?digest=${digestOf(bytes)}`, { method: 'PUT' });
  const inTime = send(`${second}?digest=${digestOf(bytes)}`, { method: 'PUT' });
  setTimeout(() => request.end(bytes.subarray(1000)), 200);

  assert.deepEqual([tooEarly.statusCode, codesOf(tooEarly)], [416, ['RANGE_INVALID']]);
  assert.equal(tooEarly.headers.location, path);
  assert.equal((await reply).statusCode, 202);
  assert.equal((await inTime).statusCode, 201);
});

test('whoever takes over from a writer that stands still gets its own bytes right', async () => {
  const { app, path, first, second } = await beginOnTwoNodes();
  const bytes = randomBytes(3_000_000);
  const start = bytes.subarray(0, 1_000_000);
  const rest = bytes.subarray(1_000_000);
  const headers = { 'content-range': `1000000-2999999` };
  await send(first, { method: 'PATCH', body: start });
  const stalled = beginRequest(first, { method: 'PATCH', headers });
  stalled.request.write(Buffer.alloc(1_500_000, 'x'));
  await waitForWriter(app, path);
  await endLease(app, path);

  const taken = await send(second, { method: 'PATCH', headers, body: rest });
  stalled.request.end(Buffer.alloc(500_000, 'y'));
  const lost = await stalled.reply;
  const finished = await send(`${first}?digest=${digestOf(bytes)}`, { method: 'PUT' });

  assert.deepEqual([lost.statusCode, codesOf(lost)], [416, ['RANGE_INVALID']]);
  assert.deepEqual([taken.statusCode, finished.statusCode], [202, 201]);
  assert.ok((await pullBytes(app, bytes)).equals(bytes));
});

test('an upload that is cancelled while somebody writes to it is gone, with its bytes', async (t) => {
  const app = await startApp(t);
  const url = await app.listen();
  const path = await beginUpload(app.as('admin'), APP);
  const writing = beginRequest(url + path, { method: 'PATCH' });
  writing.request.write('a lay');
  await waitForWriter(app, path);

  const cancelled = await app.as('admin').delete(path);
  writing.request.end('er');
  const written = await writing.reply;

  assert.equal(cancelled.statusCode, 204);
  assert.equal(written.statusCode, 404);
  assert.equal((await app.as('admin').get(path)).statusCode, 404);
  assert.deepEqual(await listStoredFiles(app), []);
});

test('a takeover that fails leaves the upload as it was, and the next one succeeds', async (t) => {
  const app = await startApp(t);
  const { storage } = app.platform;
  const path = await beginUpload(app.as('admin'), APP);
  await app.as('admin').patch(path, Buffer.from('01234'));
  await endLease(app, path);
  storage.copyPrefix = async () => {
    throw new Error('the disk is full');
  };

  const failed = await app.as('admin').patch(path, Buffer.from('56789'));
  const afterwards = await findUpload(app, path);
  delete storage.copyPrefix; // its own one appears again
  await endLease(app, path);
  const patched = await app.as('admin').patch(path, Buffer.from('56789'));
  const finished = await app.as('admin').put(`${path}?digest=${digestOf('0123456789')}`);

  assert.deepEqual([failed.statusCode, patched.statusCode, finished.statusCode], [500, 202, 201]);
  assert.notEqual(afterwards?.lease_until, null, 'the next one would write where the first may');
  assert.equal((await listStoredFiles(app)).length, 1);
});

async function endLease({ platform }: TestApp, path: string): Promise<void> {
  await platform.db
    .updateTable('upload')
    .set({ lease_until: sql<Date>`now() - interval '1 second'` })
    .where('id', '=', path.slice(-36))
    .execute();
}

test('a blob that many push at once is one blob, and the bytes of the others are removed', async (t) => {
  const app = await startApp(t);
  const other = await startApp(t, { besides: app });
  const content = randomBytes(50_000);

  await Promise.all(
    Array.from({ length: 24 }, (_, index) =>
      pushBlob((index % 2 === 0 ? app : other).as('admin'), `library/app${index % 3}`, content),
    ),
  );

  const blobs = await app.platform.db.selectFrom('blob').selectAll().execute();
  assert.equal(blobs.length, 1);
  assert.deepEqual(await listStoredFiles(app), [blobs[0]!.location.slice(3)]);
  assert.deepEqual(await app.platform.db.selectFrom('blob_deletion').selectAll().execute(), []);
});

for (const method of ['PATCH', 'PUT']) {
  test(`a ${method} whose upload is cancelled meanwhile is told that it is gone`, async () => {
    const { app, path, first } = await beginOnTwoNodes();
    await app.as('admin').patch(path, Buffer.from('abc'));
    // Another algorithm than announced, so that what is stored has to be read again.
    const query = method === 'PUT' ? `?digest=${digestOf('abchello', 'sha512')}` : '';
    const { request, reply } = beginRequest(first + query, { method });
    request.write('he');
    await waitForWriter(app, path);

    const cancelled = await app.as('admin').delete(path);
    request.end('llo');
    const answer = await reply;

    assert.equal(cancelled.statusCode, 204);
    assert.deepEqual([answer.statusCode, codesOf(answer)], [404, ['BLOB_UPLOAD_UNKNOWN']]);
  });
}
