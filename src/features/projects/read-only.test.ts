import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startApp } from '../../../test/harness.ts';
import {
  beginUpload,
  codesOf,
  imageManifest,
  must,
  pushImage,
  putManifest,
} from '../../../test/harness/registry.ts';
import { bearer, fetchToken } from '../../../test/harness/tokens.ts';

const TEAM = '/api/v2.0/projects/team';

test('what a read-only project stores stays as it is, and can be pulled', async (t) => {
  const app = await startApp(t);
  await app.createProject('team');
  const admin = app.as('admin');
  const { digest, bytes } = await pushImage(admin, 'team/app', 'v1');
  await pushImage(admin, 'team/old', 'v1');
  must(await admin.delete('/v2/team/old/manifests/v1'), 202);
  const [{ id }] = (await admin.get('/api/v2.0/trash')).json();
  const upload = await beginUpload(admin, 'team/app');
  const token = await fetchToken(app, 'admin', 'repository:team/app:pull,push,delete');

  must(await admin.put(`${TEAM}/metadatas/read_only`, { read_only: 'true' }), 200);
  const refused = [
    await putManifest(admin, 'team/app', 'v2', bytes),
    await putManifest(admin, 'team/new', 'v1', imageManifest()),
    await admin.post('/v2/team/app/blobs/uploads/'),
    await admin.put(`${upload}?digest=${digest}`, bytes),
    await admin.delete(`/v2/team/app/manifests/${digest}`),
    await admin.delete('/v2/team/app/manifests/v1'),
    await admin.delete(`${TEAM}/repositories/app`),
    await admin.delete(`${TEAM}?with_repositories=true`),
    await admin.put(`${TEAM}/repositories/app`, { description: 'x' }),
    await admin.post(`/api/v2.0/trash/${id}/restore`, {}),
    await admin.delete(`/api/v2.0/trash/${id}`),
    await app.app.inject({
      method: 'PUT',
      url: '/v2/team/app/manifests/v3',
      headers: { ...bearer(token), 'content-type': 'application/vnd.oci.image.manifest.v1+json' },
      payload: bytes,
    }),
  ];
  const pulled = await admin.get('/v2/team/app/manifests/v1');
  const elsewhere = await pushImage(admin, 'library/app', 'v1');
  must(await admin.delete(`${TEAM}/metadatas/read_only`), 200);
  const pushed = await putManifest(admin, 'team/app', 'v2', bytes);

  for (const reply of refused) {
    assert.equal(reply.statusCode, 403, reply.body);
    assert.deepEqual(codesOf(reply), ['DENIED']);
  }
  assert.equal(pulled.statusCode, 200);
  assert.equal(elsewhere.digest, digest);
  assert.equal(pushed.statusCode, 201);
});

test('whoever may not even read a project is not told that it is read-only', async (t) => {
  const { as, createProject, createUser } = await startApp(t);
  await createProject('team');
  await createUser('ann');
  must(await as('admin').put(TEAM, { metadata: { read_only: 'true' } }), 200);

  const pushed = await as('ann').post('/v2/team/app/blobs/uploads/');
  const deleted = await as('ann').delete(`${TEAM}/repositories/app`);

  assert.equal(pushed.statusCode, 401);
  assert.deepEqual(codesOf(deleted), ['FORBIDDEN']);
});
