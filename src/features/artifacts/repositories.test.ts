import assert from 'node:assert/strict';
import { test } from 'node:test';

import { pushImage } from '../../../test/harness/registry.ts';
import { startApp, type TestApp } from '../../../test/harness.ts';

const PROJECTS = '/api/v2.0/projects';

async function listNames({ as }: TestApp, project: string): Promise<string[]> {
  const reply = await as('admin').get(`${PROJECTS}/${project}/repositories`);
  assert.equal(reply.statusCode, 200, reply.body);
  return reply.json<{ name: string }[]>().map(({ name }) => name);
}

test('repositories are asked for by the name of their project, also when it is the id of another', async (t) => {
  const started = await startApp(t);
  const { project_id } = (await started.as('admin').get(`${PROJECTS}/library`)).json();
  const digits = String(project_id);
  await started.createProject(digits);
  await pushImage(started.as('admin'), 'library/app', 'v1');
  await pushImage(started.as('admin'), `${digits}/app`, 'v1');
  await pushImage(started.as('admin'), `${digits}/other`, 'v1');

  assert.deepEqual(await listNames(started, digits), [`${digits}/app`, `${digits}/other`]);
  const deleted = await started.as('admin').delete(`${PROJECTS}/${digits}/repositories/app`);

  assert.equal(deleted.statusCode, 200);
  assert.deepEqual(await listNames(started, digits), [`${digits}/other`]);
  assert.deepEqual(await listNames(started, 'library'), ['library/app']);
});

test('members of a project named with digits are reached by its id, and by its name when asked so', async (t) => {
  const started = await startApp(t);
  const admin = started.as('admin');
  const { project_id } = (await admin.get(`${PROJECTS}/library`)).json();
  await started.createProject(String(project_id));
  await started.createUser('ann', { library: 2 });
  const names = async (headers = {}) => {
    const reply = await admin.get(`${PROJECTS}/${project_id}/members`, headers);
    return reply.json<{ entity_name: string }[]>().map(({ entity_name }) => entity_name);
  };

  assert.deepEqual(await names(), ['admin', 'ann']);
  assert.deepEqual(await names({ 'x-is-resource-name': 'true' }), ['admin']);
});
