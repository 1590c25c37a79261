import assert from 'node:assert/strict';
import { test } from 'node:test';

import { digestOf, must, pushImage } from '../../../test/harness/registry.ts';
import { shareApp } from '../../../test/harness/share-app.ts';

const share = shareApp();
const PROJECTS = '/api/v2.0/projects';
const ARTIFACTS = `${PROJECTS}/library/repositories/app/artifacts`;

test('what is not there is not found, whatever it is called', async () => {
  const admin = (await share()).as('admin');
  await pushImage(admin, 'library/app', 'v1');
  const strange = 'nothing sha256:zz ... %00 a%20b sha256%3A0'.split(' ');

  for (const reference of [...strange, digestOf('something else'), 'x'.repeat(129)]) {
    const { statusCode } = await admin.get(`${ARTIFACTS}/${reference}`);
    assert.ok(statusCode === 404 || statusCode === 400, `${reference} ${statusCode}`);
  }
  const nothing = ARTIFACTS.replace('/app/', '/nothing/');
  assert.equal((await admin.get(`${nothing}/v1`)).statusCode, 404);
  assert.deepEqual(must(await admin.get(nothing), 200).json(), []);
});

test('an artifact in the trash, and one in a deleted project, is not listed', async () => {
  const app = await share();
  const admin = app.as('admin');
  await app.createProject('gone');
  const { digest } = await pushImage(admin, 'gone/app', 'v1');
  const artifacts = `${PROJECTS}/gone/repositories/app/artifacts`;

  must(await admin.delete(`/v2/gone/app/manifests/${digest}`), 202);

  assert.deepEqual(must(await admin.get(artifacts), 200).json(), []);
  assert.deepEqual(must(await admin.get(`${PROJECTS}/gone/artifacts`), 200).json(), []);
  assert.equal((await admin.get(`${artifacts}/${digest}`)).statusCode, 404);
});
