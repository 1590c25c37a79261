import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test, type TestContext } from 'node:test';

import { sql } from 'kysely';

import { startApp } from '../../../../test/harness.ts';
import { startFaultyLine } from '../../../../test/harness/faulty-line.ts';
import { beginUpload, digestOf, pushBlob } from '../../../../test/harness/registry.ts';
import { needsS3, shareS3 } from '../../../../test/harness/s3.ts';
import { collectGarbage } from '../../../features/garbage-collection/index.ts';

const APP = 'library/app';
const store = shareS3();

async function begin(t: TestContext) {
  const server = await store();
  const line = await startFaultyLine(t, server.url);
  const s3 = await server.makeBucket({ endpoint: line.url });
  const app = await startApp(t, {
    config: (values) => {
      values.s3 = s3;
    },
  });
  const collect = () => collectGarbage(app.platform, new AbortController().signal);
  return {
    app,
    admin: app.as('admin'),
    line,
    collect,
    listFiles: () => server.listFiles(s3.bucket!),
  };
}

test(
  'bytes that have another digest, or are there already, do not stay in the bucket',
  needsS3,
  async (t) => {
    const { admin, listFiles } = await begin(t);
    for (const size of [1000, 1_000_000, 10_000_000]) {
      const before = (await listFiles()).length;
      const bytes = randomBytes(size);
      const path = await beginUpload(admin, APP);

      const wrong = await admin.put(`${path}?digest=${digestOf('other')}`, bytes);
      await pushBlob(admin, APP, bytes);
      await pushBlob(admin, APP, bytes);

      assert.equal(wrong.statusCode, 400);
      assert.equal((await listFiles()).length, before + 1);
    }
  },
);

test('an upload that is cancelled or given up leaves nothing in the bucket', needsS3, async (t) => {
  const { app, admin, collect, listFiles } = await begin(t);
  const paths = [await beginUpload(admin, APP), await beginUpload(admin, APP)] as const;
  for (const path of paths) {
    await admin.patch(path, randomBytes(9_000_000));
    await admin.patch(path, randomBytes(1_000_000));
  }
  assert.ok((await listFiles()).length >= 4, 'parts and tails');

  await admin.delete(paths[0]);
  await sql`update upload set updated_at = now() - interval '8 days'`.execute(app.platform.db);
  const round = await collect();

  assert.equal(round.uploads, 1);
  assert.deepEqual(await listFiles(), []);
});

test('an upload that came in many requests leaves only its blob', needsS3, async (t) => {
  const { admin, collect, listFiles } = await begin(t);
  const bytes = randomBytes(21_000_000);
  const path = await beginUpload(admin, APP);
  for (let start = 0; start < bytes.length; start += 3_000_000) {
    await admin.patch(path, bytes.subarray(start, start + 3_000_000));
  }

  const finished = await admin.put(`${path}?digest=${digestOf(bytes)}`);
  await collect();

  assert.equal(finished.statusCode, 201);
  assert.equal((await listFiles()).length, 1);
  const pulled = await admin.get(`/v2/${APP}/blobs/${digestOf(bytes)}`);
  assert.ok(pulled.rawPayload.equals(bytes));
});

test(
  'while the store throttles, pushes and pulls are told to come again, and then go on',
  needsS3,
  async (t) => {
    const { admin, line } = await begin(t);
    const bytes = randomBytes(9_000_000);
    const digest = digestOf(bytes);
    const path = await beginUpload(admin, APP);
    await admin.patch(path, bytes.subarray(0, 8_500_000));
    line.faults.push({ on: /./, times: Infinity, answer: { status: 503, code: 'SlowDown' } });

    const [put, pull] = await Promise.all([
      admin.put(`${path}?digest=${digest}`, bytes.subarray(8_500_000)),
      pushBlob(admin, APP, 'small').catch((error: Error) => error.message),
    ]);
    line.faults.length = 0;
    const status = await admin.get(path);
    const again = await admin.put(`${path}?digest=${digest}`, bytes.subarray(8_500_000));

    assert.deepEqual([put.statusCode, put.headers['retry-after']], [503, '2']);
    assert.equal(put.json().errors[0].message, 'the blob store does not answer; try again');
    assert.match(String(pull), /^503 /);
    assert.equal(status.headers.range, '0-8499999');
    assert.equal(again.statusCode, 201);
  },
);

test(
  'an end that the database did not hear of is told again, and the bytes are read',
  needsS3,
  async (t) => {
    const { app, admin } = await begin(t);
    const bytes = randomBytes(9_000_000);
    const rename = (from: string, to: string) =>
      sql.raw(`alter table ${from} rename to ${to}`).execute(app.platform.db);
    const endUnheard = async () => {
      const path = await beginUpload(admin, APP);
      await admin.patch(path, bytes);
      await rename('blob', 'blob_away');
      const { statusCode } = await admin.put(`${path}?digest=${digestOf(bytes)}`);
      await rename('blob_away', 'blob');
      assert.equal(statusCode, 500);
      return path;
    };

    const wrong = await admin.put(`${await endUnheard()}?digest=${digestOf('other')}`);
    const right = await admin.put(`${await endUnheard()}?digest=${digestOf(bytes)}`);

    assert.deepEqual([wrong.statusCode, right.statusCode], [400, 201]);
    const pulled = await admin.get(`/v2/${APP}/blobs/${digestOf(bytes)}`);
    assert.ok(pulled.rawPayload.equals(bytes));
  },
);
