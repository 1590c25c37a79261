import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startApp } from '../../../test/harness.ts';

test('whoever makes a project becomes its administrator', async (t) => {
  const { as, createUser } = await startApp(t);
  await createUser('ann');

  const made = await as('ann').post('/api/v2.0/projects', { project_name: 'team' });
  const read = await as('ann').get('/api/v2.0/projects/team');

  assert.equal(made.statusCode, 201);
  assert.equal(read.json().current_user_role_id, 1);
  assert.equal(read.json().owner_name, 'ann');
});
