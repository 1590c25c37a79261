import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startApp } from '../../../test/harness.ts';
import {
  beginUpload,
  codesOf,
  digestOf,
  listStoredFiles,
  pushBlob,
} from '../../../test/harness/registry.ts';
import { shareApp } from '../../../test/harness/share-app.ts';

const APP = 'library/app';
const shared = shareApp();
const OCTETS = { 'content-type': 'application/octet-stream' };

test('a blob that is pushed with POST and then PUT can be pulled', async () => {
  const { as } = await shared();
  const admin = as('admin');
  const bytes = Buffer.from('a layer');
  const digest = digestOf(bytes);

  const begun = await admin.post(`/v2/${APP}/blobs/uploads/`);
  const finished = await admin.put(`${begun.headers.location}?digest=${digest}`, bytes, OCTETS);
  const pulled = await admin.get(finished.headers.location as string);

  const location = begun.headers.location as string;
  assert.equal(begun.statusCode, 202);
  assert.match(location, /^\/v2\/library\/app\/blobs\/uploads\/[0-9a-f-]{36}$/);
  assert.equal(begun.headers['docker-upload-uuid'], location.slice(-36));
  assert.equal(begun.headers.range, '0-0');
  assert.equal(finished.statusCode, 201);
  assert.equal(finished.headers['docker-content-digest'], digest);
  assert.equal(pulled.statusCode, 200);
  assert.deepEqual(pulled.rawPayload, bytes);
});

test('a single POST pushes a whole blob', async () => {
  const { as } = await shared();
  const bytes = Buffer.from('a layer');
  const digest = digestOf(bytes);

  const pushed = await as('admin').post(`/v2/${APP}/blobs/uploads/?digest=${digest}`, bytes);
  const pulled = await as('admin').get(`/v2/${APP}/blobs/${digest}`);

  assert.equal(pushed.statusCode, 201);
  assert.equal(pushed.headers.location, `/v2/${APP}/blobs/${digest}`);
  assert.deepEqual(pulled.rawPayload, bytes);
});

test('a single POST that is refused leaves no upload and no bytes', async (t) => {
  const app = await startApp(t);
  const { as, platform } = app;
  const digest = digestOf('something else');
  const push = (headers = {}) =>
    as('admin').post(`/v2/${APP}/blobs/uploads/?digest=${digest}`, Buffer.from('a layer'), headers);

  const wrong = await push();
  const shifted = await push({ 'content-range': '3-9' });
  const contradicting = await push({ 'content-range': '0-3' });

  assert.deepEqual([wrong.statusCode, codesOf(wrong)], [400, ['DIGEST_INVALID']]);
  assert.deepEqual([shifted.statusCode, codesOf(shifted)], [400, ['BLOB_UPLOAD_INVALID']]);
  assert.deepEqual([contradicting.statusCode, codesOf(contradicting)], [400, ['SIZE_INVALID']]);
  assert.deepEqual(await platform.db.selectFrom('upload').select('id').execute(), []);
  assert.deepEqual(await listStoredFiles(app), []);
});

test('a blob can be streamed with a PATCH that has no Content-Range', async () => {
  const { as } = await shared();
  const admin = as('admin');
  const bytes = Buffer.from('a layer in one stream');
  const location = await beginUpload(admin, APP);

  const patched = await admin.patch(location, bytes, OCTETS);
  const finished = await admin.put(`${location}?digest=${digestOf(bytes)}`);

  assert.equal(patched.statusCode, 202);
  assert.equal(patched.headers.range, `0-${bytes.length - 1}`);
  assert.equal(patched.headers.location, location);
  assert.equal(finished.statusCode, 201);
});

test('a blob can be pushed in chunks, the last of them with the closing PUT', async () => {
  const { as } = await shared();
  const admin = as('admin');
  const bytes = Buffer.from('0123456789abcdefghij');
  const location = await beginUpload(admin, APP);
  const chunk = (start: number, end: number) => bytes.subarray(start, end + 1);

  const first = await admin.patch(location, chunk(0, 4), { 'content-range': '0-4' });
  const second = await admin.patch(location, chunk(5, 9), { 'content-range': '5-9' });
  const status = await admin.get(location);
  const closing = `${location}?digest=${digestOf(bytes)}`;
  const finished = await admin.put(closing, chunk(10, 19), { 'content-range': '10-19' });
  const pulled = await admin.get(finished.headers.location as string);

  assert.deepEqual([first.statusCode, first.headers.range], [202, '0-4']);
  assert.deepEqual([second.statusCode, second.headers.range], [202, '0-9']);
  assert.deepEqual([status.statusCode, status.headers.range], [204, '0-9']);
  assert.equal(status.headers.location, location);
  assert.equal(finished.statusCode, 201);
  assert.deepEqual(pulled.rawPayload, bytes);
});

test('a chunk out of order is 416, with all that a client needs to go on', async () => {
  const { as } = await shared();
  const admin = as('admin');
  const location = await beginUpload(admin, APP);
  await admin.patch(location, Buffer.from('01234'), { 'content-range': '0-4' });
  const digest = digestOf('0123456789');
  const send = [
    () => admin.patch(location, Buffer.from('789'), { 'content-range': '7-9' }),
    () => admin.patch(location, Buffer.from('01234'), { 'content-range': '0-4' }),
    () => admin.put(`${location}?digest=${digest}`, Buffer.from('789'), { 'content-range': '7-9' }),
  ];

  for (const refuse of send) {
    const refused = await refuse();

    assert.deepEqual([refused.statusCode, codesOf(refused)], [416, ['RANGE_INVALID']]);
    assert.equal(refused.headers.range, '0-4');
    assert.equal(refused.headers.location, location);
    assert.equal(refused.headers['docker-upload-uuid'], location.slice(-36));
  }
  await admin.patch(location, Buffer.from('56789'), { 'content-range': '5-9' });
  assert.equal((await admin.put(`${location}?digest=${digest}`)).statusCode, 201);
});

test('a chunk whose headers or body contradict its Content-Range is 400 and adds nothing', async () => {
  const { as } = await shared();
  const admin = as('admin');
  const location = await beginUpload(admin, APP);
  const send = (range: string) =>
    admin.patch(location, Buffer.from('0123456789'), { 'content-range': range });
  const rows: [range: string, status: number, code: string][] = [
    ['0-4', 400, 'SIZE_INVALID'],
    ['0-99', 400, 'SIZE_INVALID'],
    ['9-0', 400, 'BLOB_UPLOAD_INVALID'],
    ['0-99999999999999999999', 400, 'BLOB_UPLOAD_INVALID'],
    ['-9', 400, 'BLOB_UPLOAD_INVALID'],
    ['0-', 400, 'BLOB_UPLOAD_INVALID'],
    ['zero-nine', 400, 'BLOB_UPLOAD_INVALID'],
  ];

  for (const [range, status, code] of rows) {
    const refused = await send(range);

    assert.deepEqual([range, refused.statusCode, codesOf(refused)], [range, status, [code]]);
  }
  assert.equal((await admin.get(location)).headers.range, '0-0');
  assert.equal((await send('bytes 0-9/10')).statusCode, 202);
});

test('an upload that is cancelled is gone, with its bytes', async (t) => {
  const app = await startApp(t);
  const admin = app.as('admin');
  const location = await beginUpload(admin, APP);
  await admin.patch(location, Buffer.from('a layer'));

  const cancelled = await admin.delete(location);

  assert.equal(cancelled.statusCode, 204);
  for (const reply of [
    await admin.get(location),
    await admin.patch(location, Buffer.from('more')),
    await admin.put(`${location}?digest=${digestOf('a layer')}`),
    await admin.delete(location),
  ]) {
    assert.deepEqual([reply.statusCode, codesOf(reply)], [404, ['BLOB_UPLOAD_UNKNOWN']]);
  }
  assert.deepEqual(await listStoredFiles(app), []);
  assert.deepEqual(await app.platform.db.selectFrom('blob_deletion').selectAll().execute(), []);
});

test('bytes with another digest than announced are refused, and nothing of them is left', async (t) => {
  const app = await startApp(t);
  const admin = app.as('admin');
  const location = await beginUpload(admin, APP);
  await admin.patch(location, Buffer.from('a '));

  const refused = await admin.put(`${location}?digest=${digestOf('a bird')}`, Buffer.from('layer'));

  assert.deepEqual([refused.statusCode, codesOf(refused)], [400, ['DIGEST_INVALID']]);
  assert.equal((await admin.get(location)).statusCode, 404);
  assert.equal((await admin.get(`/v2/${APP}/blobs/${digestOf('a bird')}`)).statusCode, 404);
  assert.equal((await admin.get(`/v2/${APP}/blobs/${digestOf('a layer')}`)).statusCode, 404);
  assert.deepEqual(await listStoredFiles(app), []);
  assert.deepEqual(await app.platform.db.selectFrom('blob_deletion').selectAll().execute(), []);
});

test('a missing, malformed or unsupported digest is 400 and the upload can still be finished', async () => {
  const { as } = await shared();
  const admin = as('admin');
  const location = await beginUpload(admin, APP);
  await admin.patch(location, Buffer.from('a layer'));
  const hex = digestOf('a layer').slice(7);
  const wrong = ['', `digest=`, 'digest=sha256:12', `digest=sha256:${hex.toUpperCase()}`];
  const queries = [...wrong, 'digest=md5:d41d8cd98f00b204e9800998ecf8427e', `digest=${hex}`];

  for (const query of queries) {
    const refused = await admin.put(`${location}?${query}`);

    assert.deepEqual(
      [query, refused.statusCode, codesOf(refused)],
      [query, 400, ['DIGEST_INVALID']],
    );
  }
  const posted = await admin.post(`/v2/${APP}/blobs/uploads/?digest=md5:00`, Buffer.from('a'));
  assert.deepEqual([posted.statusCode, codesOf(posted)], [400, ['DIGEST_INVALID']]);
  assert.equal((await admin.put(`${location}?digest=sha256:${hex}`)).statusCode, 201);
});

test('sha512 works, announced with digest-algorithm or not, in one piece or in chunks', async () => {
  const { as } = await shared();
  const admin = as('admin');
  for (const query of ['', '?digest-algorithm=sha512', '?digest-algorithm=sha256']) {
    for (const isChunked of [false, true]) {
      const bytes = Buffer.from(`a layer ${query} ${isChunked}`);
      const digest = digestOf(bytes, 'sha512');
      const begun = await admin.post(`/v2/${APP}/blobs/uploads/${query}`);
      const location = begun.headers.location as string;

      if (isChunked) await admin.patch(location, bytes.subarray(0, 3));
      const rest = isChunked ? bytes.subarray(3) : bytes;
      const finished = await admin.put(`${location}?digest=${digest}`, rest);
      const pulled = await admin.get(`/v2/${APP}/blobs/${digest}`);

      assert.equal(finished.statusCode, 201, query);
      assert.equal(pulled.headers['docker-content-digest'], digest);
      assert.deepEqual(pulled.rawPayload, bytes);
    }
  }
  const unknown = await admin.post(`/v2/${APP}/blobs/uploads/?digest-algorithm=sha1`);
  assert.deepEqual([unknown.statusCode, codesOf(unknown)], [400, ['DIGEST_INVALID']]);
});

test('a blob may be empty', async () => {
  const { as } = await shared();
  const admin = as('admin');
  const location = await beginUpload(admin, APP);

  const finished = await admin.put(`${location}?digest=${digestOf('')}`);
  const pulled = await admin.get(`/v2/${APP}/blobs/${digestOf('')}`);
  const part = await admin.get(`/v2/${APP}/blobs/${digestOf('')}`, { range: 'bytes=0-9' });

  assert.equal(finished.statusCode, 201);
  assert.deepEqual([pulled.statusCode, pulled.headers['content-length']], [200, '0']);
  assert.deepEqual([part.statusCode, part.rawPayload.length], [200, 0]);
});

test('the state of an upload is in the path alone: a query changes nothing', async () => {
  const { as } = await shared();
  const admin = as('admin');
  const location = await beginUpload(admin, APP);

  const patched = await admin.patch(`${location}?_state=abc&offset=99`, Buffer.from('a layer'));
  const status = await admin.get(`${location}?_state=other`);

  assert.equal(patched.headers.location, location);
  assert.equal(status.headers.range, '0-6');
});

test('a blob that is pushed again is stored once', async (t) => {
  const app = await startApp(t);
  await pushBlob(app.as('admin'), APP, 'a layer');

  await pushBlob(app.as('admin'), APP, 'a layer');
  await pushBlob(app.as('admin'), 'library/other', 'a layer');

  assert.equal((await listStoredFiles(app)).length, 1);
  assert.equal((await app.platform.db.selectFrom('blob').selectAll().execute()).length, 1);
  assert.deepEqual(await app.platform.db.selectFrom('blob_deletion').selectAll().execute(), []);
});
