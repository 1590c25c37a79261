import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Agent } from 'node:http';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { startApp, type TestApp } from '../../../test/harness.ts';
import { beginUpload, codesOf, digestOf, listStoredFiles } from '../../../test/harness/registry.ts';
import { shareApp } from '../../../test/harness/share-app.ts';
import { beginRequest, send } from '../../../test/harness/wire.ts';

const APP = 'library/app';
const MIB = 1024 * 1024;
const shared = shareApp();
let listening: Promise<string> | undefined;

/** The shared app on a real port, and the address of a new upload there. */
async function beginOnWire(): Promise<TestApp & { url: string; path: string; upload: string }> {
  const app = await shared();
  listening ??= app.listen();
  const url = await listening;
  const path = await beginUpload(app.as('admin'), APP);
  return { ...app, url, path, upload: url + path };
}

/** The number of bytes an upload has, once it has as many and nobody writes to it. */
async function waitForOffset(
  { platform }: TestApp,
  path: string,
  atLeast: number,
): Promise<number> {
  for (const until = performance.now() + 60_000; performance.now() < until; await sleep(20)) {
    const upload = await platform.db
      .selectFrom('upload')
      .select(['offset_bytes', 'lease_until'])
      .where('id', '=', path.slice(-36))
      .executeTakeFirstOrThrow();
    if (upload.offset_bytes >= atLeast && upload.lease_until === null) return upload.offset_bytes;
  }
  throw new Error(`the upload never had ${atLeast} bytes`);
}

for (const framing of ['Content-Length', 'chunks']) {
  test(`an upload whose connection broke goes on where it was, sent with ${framing}`, async () => {
    const app = await beginOnWire();
    const bytes = randomBytes(5 * MIB);
    const headers: Record<string, number> =
      framing === 'chunks' ? {} : { 'content-length': bytes.length };
    const { request, reply } = beginRequest(app.upload, { method: 'PATCH', headers });

    request.write(bytes.subarray(0, 2 * MIB), () => setTimeout(() => request.destroy(), 50));
    await assert.rejects(reply);
    const offset = await waitForOffset(app, app.path, 1);
    const range = `${offset}-${bytes.length - 1}`;
    const resumed = await send(app.upload, {
      method: 'PATCH',
      headers: { 'content-range': range },
      body: bytes.subarray(offset),
    });
    const finished = await send(`${app.upload}?digest=${digestOf(bytes)}`, { method: 'PUT' });

    assert.ok(offset <= 2 * MIB, `${offset} bytes are there`);
    assert.deepEqual([resumed.statusCode, finished.statusCode], [202, 201]);
    const pulled = await send(`${app.url}/v2/${APP}/blobs/${digestOf(bytes)}`);
    assert.ok(pulled.body.equals(bytes));
  });
}

test('a closing PUT whose connection broke keeps what came, and can be sent again', async () => {
  const app = await beginOnWire();
  const bytes = randomBytes(2 * MIB);
  const closing = `${app.upload}?digest=${digestOf(bytes)}`;
  const headers = { 'content-length': bytes.length };
  const { request, reply } = beginRequest(closing, { method: 'PUT', headers });

  request.write(bytes.subarray(0, MIB), () => setTimeout(() => request.destroy(), 50));
  await assert.rejects(reply);
  const offset = await waitForOffset(app, app.path, 1);
  const finished = await send(closing, {
    method: 'PUT',
    headers: { 'content-range': `${offset}-${bytes.length - 1}` },
    body: bytes.subarray(offset),
  });

  assert.equal(finished.statusCode, 201);
});

test('a single POST whose connection broke leaves nothing', async (t) => {
  const app = await startApp(t);
  const url = await app.listen();
  const digest = digestOf(randomBytes(8));
  const { request, reply } = beginRequest(`${url}/v2/${APP}/blobs/uploads/?digest=${digest}`, {
    method: 'POST',
    headers: { 'content-length': 2 * MIB },
  });

  request.write(randomBytes(MIB), () => setTimeout(() => request.destroy(), 50));
  await assert.rejects(reply);

  for (const until = performance.now() + 60_000; ; await sleep(20)) {
    const uploads = await app.platform.db.selectFrom('upload').select('id').execute();
    const files = await listStoredFiles(app);
    if (uploads.length === 0 && files.length === 0) break;
    assert.ok(performance.now() < until, `left: ${uploads.length} uploads, ${files.length} files`);
  }
});

test('a chunk larger than its Content-Range is refused as soon as it is', async () => {
  const app = await beginOnWire();
  const { request, reply } = beginRequest(app.upload, {
    method: 'PATCH',
    headers: { 'content-range': '0-9', 'transfer-encoding': 'chunked' },
  });

  request.write(Buffer.alloc(100)); // and no end
  const refused = await reply;
  request.destroy();

  assert.deepEqual([refused.statusCode, codesOf(refused)], [400, ['SIZE_INVALID']]);
  assert.equal((await app.as('admin').get(app.path)).headers.range, '0-0');
});

test('a refused chunk gets its answer, however much of it is still to come', async () => {
  const app = await beginOnWire();
  const body = randomBytes(8 * MIB);

  for (const headers of [{}, { 'content-length': body.length }] as Record<string, number>[]) {
    for (let times = 0; times < 5; times++) {
      const refused = await send(app.upload, {
        method: 'PATCH',
        headers: { ...headers, 'content-range': `99-${98 + body.length}` },
        body,
      });

      assert.deepEqual([refused.statusCode, codesOf(refused)], [416, ['RANGE_INVALID']]);
      assert.equal(refused.headers.location, app.path);
      assert.equal(refused.headers.range, '0-0');
    }
  }
});

test('a connection can be used again after a body that was refused half way', async (t) => {
  const app = await startApp(t, {
    config: ({ limits }) => {
      limits.blob_bytes = 10_000;
      limits.manifest_bytes = 10_000;
    },
  });
  const url = await app.listen();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const body = Buffer.alloc(500_000, ' ');
  const chunked = { 'transfer-encoding': 'chunked', 'content-type': 'application/json' };
  const upload = url + (await beginUpload(app.as('admin'), APP));

  const blob = await send(upload, { method: 'PATCH', headers: chunked, body, agent });
  const manifest = await send(`${url}/v2/${APP}/manifests/latest`, {
    method: 'PUT',
    headers: chunked,
    body,
    agent,
  });
  const next = await send(`${url}/v2/`, { agent });

  assert.deepEqual([blob.statusCode, manifest.statusCode, next.statusCode], [413, 413, 200]);
});

test('a body that stands still is given up, and the upload can go on', async (t) => {
  const app = await startApp(t, {
    config: ({ limits }) => {
      limits.idle_body_ms = 300;
    },
  });
  const url = await app.listen();
  const path = await beginUpload(app.as('admin'), APP);
  const { request, reply } = beginRequest(url + path, {
    method: 'PATCH',
    headers: { 'content-length': 10 },
  });

  request.write('01234');
  await assert.rejects(reply);
  const offset = await waitForOffset(app, path, 5);
  const rest = { method: 'PUT', headers: { 'content-range': '5-9' }, body: '56789' };
  const finished = await send(`${url}${path}?digest=${digestOf('0123456789')}`, rest);

  assert.equal(offset, 5);
  assert.equal(finished.statusCode, 201);
});
