import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rm, truncate } from 'node:fs/promises';
import { Agent } from 'node:http';
import { connect, type IncomingHttpHeaders } from 'node:http2';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { sql } from 'kysely';

import { ADMIN_PASSWORD, startApp, type TestApp } from '../../../test/harness.ts';
import { open } from '../../../test/harness/database.ts';
import { basic } from '../../../test/harness/client.ts';
import {
  beginUpload,
  codesOf,
  digestOf,
  listStoredFiles,
  pushBlob,
} from '../../../test/harness/registry.ts';
import { beginRequest, send } from '../../../test/harness/wire.ts';
import { makeCertificate } from '../../../test/server/support/certificate.ts';
import type { BlobStorage, BlobWriter, Checkpoint } from '../../platform/storage/index.ts';
import type { AppOptions } from '../../server/app.ts';

const APP = 'library/app';

/** Makes every writer of the app behave as `change` says, until it is restored. */
function changeWriters(
  t: TestContext,
  storage: BlobStorage,
  change: (writer: BlobWriter) => Partial<BlobWriter>,
) {
  const openWriter = storage.openWriter.bind(storage);
  return t.mock.method(storage, 'openWriter', async (location: string, behind: Checkpoint) => {
    const writer = await openWriter(location, behind);
    const whole: BlobWriter = {
      write: (chunk) => writer.write(chunk),
      sync: () => writer.sync(),
      finish: () => writer.finish(),
      close: () => writer.close(),
    };
    return { ...whole, ...change(writer) };
  }).mock;
}

const fail = async () => {
  throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
};

const countBlobs = async ({ platform }: TestApp) =>
  (await platform.db.selectFrom('blob').select('id').execute()).length;

for (const method of ['write', 'sync'] as const) {
  test(`when the store fails to ${method}, no blob appears and the upload can be resumed`, async (t) => {
    const app = await startApp(t);
    const admin = app.as('admin');
    const path = await beginUpload(admin, APP);
    const closing = `${path}?digest=${digestOf('0123456789')}`;
    await admin.patch(path, Buffer.from('01234'));
    const broken = changeWriters(t, app.platform.storage, () => ({ [method]: fail, finish: fail }));
    const brokenWhole = t.mock.method(app.platform.storage, 'writeWhole', fail).mock;

    const patched = await admin.patch(path, Buffer.from('56789'), { 'content-range': '5-9' });
    const put = await admin.put(closing, Buffer.from('56789'), { 'content-range': '5-9' });
    const posted = await admin.post(
      `/v2/${APP}/blobs/uploads/?digest=${digestOf('a')}`,
      Buffer.from('a'),
    );
    const status = await admin.get(path);
    const blobsThen = await countBlobs(app);
    broken.restore();
    brokenWhole.restore();
    const finished = await admin.put(closing, Buffer.from('56789'), { 'content-range': '5-9' });

    assert.deepEqual([patched.statusCode, put.statusCode, posted.statusCode], [500, 500, 500]);
    assert.equal(status.headers.range, '0-4');
    assert.equal(blobsThen, 0);
    assert.equal(finished.statusCode, 201);
    const pulled = await admin.get(`/v2/${APP}/blobs/${digestOf('0123456789')}`);
    assert.equal(pulled.body, '0123456789');
    assert.equal((await listStoredFiles(app)).length, 1);
  });
}

test('a disk that is full while a body streams in ends the request, not the connection', async (t) => {
  const app = await startApp(t);
  const url = await app.listen();
  const upload = url + (await beginUpload(app.as('admin'), APP));
  let writes = 0;
  changeWriters(t, app.platform.storage, (writer) => ({
    write: (chunk) => (++writes > 3 ? fail() : writer.write(chunk)),
  }));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());

  const failed = await send(upload, { method: 'PATCH', body: randomBytes(900_000), agent });
  const next = await send(`${url}/v2/`, { agent });

  assert.deepEqual([failed.statusCode, next.statusCode], [500, 200]);
  assert.equal(await countBlobs(app), 0);
});

test('bytes that cannot be removed are left for later and do not fail the push', async (t) => {
  const app = await startApp(t);
  await pushBlob(app.as('admin'), APP, 'a layer');
  const broken = t.mock.method(app.platform.storage, 'remove', fail);

  await pushBlob(app.as('admin'), APP, 'a layer');

  broken.mock.restore();
  const listed = await app.platform.db.selectFrom('blob_deletion').select('location').execute();
  const files = await listStoredFiles(app);
  assert.equal(files.length, 2);
  assert.equal(listed.length, 1);
  assert.ok(files.includes(listed[0]!.location.slice(3)));
});

for (const sizeBytes of [7, 200_000]) {
  test(`a blob of ${sizeBytes} bytes whose file is gone or cut off is 500, and nothing is promised before`, async (t) => {
    const app = await startApp(t);
    const url = await app.listen();
    const digest = await pushBlob(app.as('admin'), APP, randomBytes(sizeBytes));
    const { location } = await app.platform.db
      .selectFrom('blob')
      .select('location')
      .executeTakeFirstOrThrow();
    const file = join(app.platform.config.data, 'blobs', location);
    const blob = `${url}/v2/${APP}/blobs/${digest}`;

    for (const spoil of [() => truncate(file, 3), () => rm(file)]) {
      await spoil();
      const whole = await send(blob);
      const part = await send(blob, { headers: { range: 'bytes=2-5' } });

      assert.deepEqual([whole.statusCode, codesOf(whole)], [500, ['UNKNOWN']]);
      assert.deepEqual([part.statusCode, codesOf(part)], [500, ['UNKNOWN']]);
      assert.equal(part.headers['content-range'], undefined);
      await assert.rejects(send(blob, { headers: { range: 'bytes=0-1,4-5' } }).then(requireOk));
    }
    assert.equal((await send(`${url}/v2/`)).statusCode, 200);
  });
}

function requireOk({ statusCode }: { statusCode: number }): void {
  if (statusCode >= 400) throw new Error(String(statusCode));
}

/** An app that gives up a body after a second without a byte, and needs two to sync one. */
async function startSlowToSync(t: TestContext, tls?: AppOptions['tls']) {
  const app = await startApp(t, {
    config: ({ limits }) => {
      limits.idle_body_ms = 1000;
    },
    ...(tls === undefined ? {} : { tls }),
  });
  const url = await app.listen();
  const upload = await beginUpload(app.as('admin'), APP);
  changeWriters(t, app.platform.storage, (writer) => ({
    finish: async () => {
      await sleep(2000);
      return writer.finish();
    },
  }));
  return { url, closing: `${upload}?digest=${digestOf('a layer')}` };
}

test('syncing may take longer than a body may stand still', async (t) => {
  const { url, closing } = await startSlowToSync(t);

  const finished = await send(url + closing, { method: 'PUT', body: 'a layer' });

  assert.equal(finished.statusCode, 201);
});

test('syncing may take longer than a body may stand still, over HTTP/2 too', async (t) => {
  const { certificate: cert, key } = makeCertificate('slow');
  const { url, closing } = await startSlowToSync(t, { cert, key, http2: true });
  const session = connect(url, { rejectUnauthorized: false });
  t.after(() => session.destroy());
  const stream = session.request({
    ':method': 'PUT',
    ':path': closing,
    authorization: basic('admin', ADMIN_PASSWORD),
  });

  stream.end('a layer');
  const [headers] = await Promise.race([once(stream, 'response'), once(stream, 'close')]);

  assert.equal((headers as IncomingHttpHeaders | undefined)?.[':status'], 201);
});

test('a large blob passes through in constant memory', async (t) => {
  const app = await startApp(t);
  const url = await app.listen();
  const upload = url + (await beginUpload(app.as('admin'), APP));
  const block = Buffer.alloc(1024 * 1024);
  const blocks = 512;
  const { request, reply } = beginRequest(upload, { method: 'PATCH' });
  const hash = createHash('sha256');
  let most = 0;
  const before = bufferBytes();

  for (let sent = 0; sent < blocks; sent++) {
    hash.update(block);
    if (!request.write(block)) await once(request, 'drain');
    most = Math.max(most, bufferBytes());
  }
  request.end();
  const patched = await reply;
  const digest = `sha256:${hash.digest('hex')}`;
  const finished = await send(`${upload}?digest=${digest}`, { method: 'PUT' });

  assert.deepEqual([patched.statusCode, finished.statusCode], [202, 201]);
  const grownMib = Math.round((most - before) / block.length);
  assert.ok(grownMib < 128, `${grownMib} MiB of ${blocks} were held at once`);
});

function bufferBytes(): number {
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return arrayBuffers + heapUsed;
}

/** Ends what is just making a blob. */
async function breakConnections({ platform }: TestApp): Promise<void> {
  const ending = sql`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and query like '%put' || '_blob%'`;
  await ending.execute(platform.db).catch(() => {}); // it may be ended itself
}

test('when the answer to a commit is lost, the bytes stay, as the blob may be there', async (t) => {
  const app = await startApp(t);
  const admin = app.as('admin');
  const { storage } = app.platform;
  const writeWhole = storage.writeWhole.bind(storage);
  t.mock.method(storage, 'writeWhole', async (location: string, bytes: Uint8Array) => {
    await writeWhole(location, bytes);
    setTimeout(() => void breakConnections(app), 0); // when the statement has been sent
  });

  const replies = await Promise.all(
    Array.from({ length: 40 }, (_, number) =>
      admin.post(
        `/v2/${APP}/blobs/uploads/?digest=${digestOf(`blob ${number}`)}`,
        Buffer.from(`blob ${number}`),
      ),
    ),
  );
  t.mock.restoreAll();

  assert.ok(replies.every(({ statusCode }) => statusCode === 201 || statusCode === 503));
  const db = open(app.address, 1); // a connection that nobody breaks
  t.after(() => db.destroy());
  const blobs = await db.selectFrom('blob').select('location').execute();
  for (const { location } of blobs) assert.ok((await storage.readWhole(location)).length > 0);
});
