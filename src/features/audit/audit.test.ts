import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startApp } from '../../../test/harness.ts';
import { pushImage } from '../../../test/harness/registry.ts';
import { dispatching } from '../../platform/events/index.ts';

interface Entry {
  username: string;
  resource: string;
  resource_type: string;
  operation: string;
}

const short = ({ username, resource, resource_type, operation }: Entry) =>
  `${username} ${operation} ${resource_type} ${resource}`;

test('the log names who did what, newest first, a page at a time', async (t) => {
  const { as, platform } = await startApp(t);
  const admin = as('admin');
  const { digest } = await pushImage(admin, 'library/app', 'v1');
  await admin.delete('/v2/library/app/manifests/v1');
  await dispatching.run(platform, new AbortController().signal);

  const all = await admin.get('/api/v2.0/auditlog-exts');
  const page = await admin.get('/api/v2.0/auditlog-exts?page=2&page_size=1');

  const expected = [
    'admin delete tag library/app:v1',
    `admin create artifact library/app@${digest}`,
    'admin create tag library/app:v1',
  ];
  assert.deepEqual(all.json<Entry[]>().map(short), expected);
  assert.equal(all.headers['x-total-count'], '3');
  assert.deepEqual(page.json<Entry[]>().map(short), [expected[1]]);
  assert.match(String(page.headers.link), /rel="prev".*rel="next"/);
});

test('the log of a project is for its administrators, the whole log shows what one may read', async (t) => {
  const { as, platform, createProject, createUser } = await startApp(t);
  for (const name of ['team', 'other']) {
    await createProject(name);
    await pushImage(as('admin'), `${name}/app`, 'v1');
  }
  await createUser('ann', { team: 1, other: 4 });
  await createUser('bob', { team: 2 });
  await dispatching.run(platform, new AbortController().signal);
  const read = async (user: string, path: string) => {
    const reply = await as(user).get(`/api/v2.0${path}`);
    return reply.statusCode === 200
      ? [...new Set(reply.json<Entry[]>().map(({ resource }) => resource.split('/')[0]))]
      : reply.statusCode;
  };

  assert.deepEqual(await read('ann', '/projects/team/auditlog-exts'), ['team']);
  assert.equal(await read('ann', '/projects/other/auditlog-exts'), 403);
  assert.equal(await read('bob', '/projects/team/auditlog-exts'), 403);
  assert.deepEqual(await read('ann', '/auditlog-exts'), ['team']);
  assert.deepEqual(await read('bob', '/auditlog-exts'), []);
  assert.equal(await read('anonymous', '/auditlog-exts'), 401);
});

test('projects, members and users are written down, and what was refused is not', async (t) => {
  const { as, platform, createProject, createUser } = await startApp(t);
  const admin = as('admin');
  await createProject('team');
  await createUser('ann', { team: 2 });
  const [member] = (await admin.get('/api/v2.0/projects/team/members?entityname=ann')).json();
  const path = `/api/v2.0/projects/team/members/${member.id}`;

  await admin.put(path, { role_id: 4 });
  await admin.put(path, { role_id: 99 });
  await admin.delete(path);
  await admin.delete(path);
  await admin.put('/api/v2.0/projects/team', { metadata: { public: 'true' } });
  await admin.delete(`/api/v2.0/users/${member.entity_id}`);
  await admin.delete('/api/v2.0/projects/team');
  await dispatching.run(platform, new AbortController().signal);
  const log = await admin.get('/api/v2.0/auditlog-exts?page_size=100');

  assert.deepEqual(log.json<Entry[]>().map(short), [
    'admin delete project team',
    'admin delete user ann',
    'admin update project team',
    'admin delete member team/ann',
    'admin update member team/ann',
    'admin create member team/ann',
    'admin create user ann',
    'admin create project team',
  ]);
});
