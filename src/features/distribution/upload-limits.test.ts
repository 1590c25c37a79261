import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ADMIN_PASSWORD, startApp } from '../../../test/harness.ts';
import { basic } from '../../../test/harness/client.ts';
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

test("nobody can touch another's upload, nor reach it through another repository", async () => {
  const { as, createProject, createUser } = await shared();
  await createProject('team');
  await createUser('ann', { team: 2 });
  await createUser('ben', { team: 2 });
  const location = await beginUpload(as('ann'), 'team/app');
  await as('ann').patch(location, Buffer.from('a lay'));
  const elsewhere = location.replace('team/app', 'team/other');
  const strangers = [
    { client: as('ben'), path: location },
    { client: as('admin'), path: location },
    { client: as('ann'), path: elsewhere },
  ];

  for (const { client, path } of strangers) {
    for (const reply of [
      await client.get(path),
      await client.patch(path, Buffer.from('er')),
      await client.put(`${path}?digest=${digestOf('a lay')}`),
      await client.delete(path),
    ]) {
      assert.deepEqual([reply.statusCode, codesOf(reply)], [404, ['BLOB_UPLOAD_UNKNOWN']]);
    }
  }
  const finished = await as('ann').put(
    `${location}?digest=${digestOf('a layer')}`,
    Buffer.from('er'),
  );
  assert.equal(finished.statusCode, 201);
});

test('an upload whose owner lost the right to push is closed to them', async () => {
  const { as, createProject, createUser } = await shared();
  await createProject('former');
  await createUser('eve', { former: 2 });
  const location = await beginUpload(as('eve'), 'former/app');
  const members = '/api/v2.0/projects/former/members';
  const [member] = (await as('admin').get(`${members}?entityname=eve`)).json();
  await as('admin').delete(`${members}/${member.id}`);

  const patched = await as('eve').patch(location, Buffer.from('a layer'));
  const finished = await as('eve').put(`${location}?digest=${digestOf('')}`);

  assert.equal(patched.statusCode, 401);
  assert.equal(finished.statusCode, 401);
});

test('an upload that was finished cannot be used again', async () => {
  const { as } = await shared();
  const admin = as('admin');
  const location = await beginUpload(admin, APP);
  const closing = `${location}?digest=${digestOf('a layer')}`;
  await admin.put(closing, Buffer.from('a layer'));

  for (const reply of [
    await admin.put(closing, Buffer.from('a layer')),
    await admin.patch(location, Buffer.from('a layer')),
    await admin.get(location),
    await admin.delete(location),
  ]) {
    assert.deepEqual([reply.statusCode, codesOf(reply)], [404, ['BLOB_UPLOAD_UNKNOWN']]);
  }
});

test('an upload id that is a path leads nowhere', async (t) => {
  const app = await startApp(t);
  const admin = app.as('admin');
  await pushBlob(admin, APP, 'a layer');
  const authorization = basic('admin', ADMIN_PASSWORD);
  const ids = ['..', '../../x', '%2e%2e%2f%2e%2e%2fx', '..%2f..%2fx', '%00', 'a'.repeat(36), '*'];

  for (const id of ids) {
    for (const method of ['GET', 'PATCH', 'PUT', 'DELETE'] as const) {
      const url = `/v2/${APP}/blobs/uploads/${id}?digest=${digestOf('a')}`;
      const reply = await app.app.inject({ method, url, headers: { authorization } });

      assert.match(String(reply.statusCode), /^40[045]$/, `${method} ${id}: ${reply.statusCode}`);
    }
  }
  assert.equal((await listStoredFiles(app)).length, 1);
});

test('an upload that ends after its repository was deleted is refused', async () => {
  const { as } = await shared();
  const location = await beginUpload(as('admin'), 'library/gone');
  await as('admin').delete('/api/v2.0/projects/library/repositories/gone');

  const finished = await as('admin').put(
    `${location}?digest=${digestOf('a layer')}`,
    Buffer.from('a layer'),
  );

  assert.deepEqual([finished.statusCode, codesOf(finished)], [404, ['BLOB_UPLOAD_UNKNOWN']]);
});

test('a blob above limits.blob_bytes is 413, however it comes, and nothing of it is left', async (t) => {
  const app = await startApp(t, {
    config: ({ limits }) => {
      limits.blob_bytes = 10;
    },
  });
  const admin = app.as('admin');
  const digest = digestOf('0123456789a');
  const locations = [await beginUpload(admin, APP), await beginUpload(admin, APP)];
  await admin.patch(locations[1]!, Buffer.from('0123456789'));

  const refused = [
    await admin.post(`/v2/${APP}/blobs/uploads/?digest=${digest}`, Buffer.from('0123456789a')),
    await admin.patch(locations[0]!, Buffer.from('0123456789a')),
    await admin.put(`${locations[1]}?digest=${digest}`, Buffer.from('a')),
  ];

  for (const reply of refused) {
    assert.deepEqual([reply.statusCode, codesOf(reply)], [413, ['REQUEST_ENTITY_TOO_LARGE']]);
  }
  assert.deepEqual(await listStoredFiles(app), []);
  assert.deepEqual(await app.platform.db.selectFrom('upload').select('id').execute(), []);
  assert.equal(await pushBlob(admin, APP, '0123456789'), digestOf('0123456789'));
});
