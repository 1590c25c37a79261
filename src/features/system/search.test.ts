import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startApp } from '../../../test/harness.ts';
import { must, pushImage } from '../../../test/harness/registry.ts';
import { createRobot, grant } from '../../../test/harness/robots.ts';

interface Found {
  project: { name: string }[];
  repository: { repository_name: string }[];
}

test('a robot finds the repositories that it may list', async (t) => {
  const app = await startApp(t);
  await app.createProject('team');
  await pushImage(app.as('admin'), 'team/app', 'v1');
  const found: Record<string, unknown[]> = {};

  for (const [name, ...permissions] of [
    ['projects', grant('/', 'project:list')],
    ['quotas', grant('*', 'quota:read')],
    ['repositories', grant('*', 'repository:list')],
  ] as [string, ...ReturnType<typeof grant>[]][]) {
    const robot = await createRobot(app, { name, permissions });
    const search = (await robot.get('/api/v2.0/search?q=team')).json<Found>();
    const statistics = (await robot.get('/api/v2.0/statistics')).json();
    found[name] = [
      search.project.length,
      search.repository.length,
      statistics.private_project_count,
      statistics.private_repo_count,
    ];
  }

  assert.deepEqual(found, {
    projects: [1, 0, 1, 0],
    quotas: [1, 0, 1, 0],
    repositories: [1, 1, 1, 1],
  });
});

test('a search finds projects and repositories by a part of their names, as far as the caller may see', async (t) => {
  const { as, createProject, createUser } = await startApp(t);
  await createProject('team-red');
  await createProject('team-blue', true);
  await createUser('ann', { 'team-red': 5 });
  await createUser('eve');
  for (const name of ['team-red/app', 'team-red/db/tool', 'team-blue/app', 'library/teapot']) {
    await pushImage(as('admin'), name, 'v1');
  }
  const search = async (who: string, query: string) => {
    const found = must(await as(who).get(`/api/v2.0/search?${query}`), 200).json<Found>();
    return [
      found.project.map(({ name }) => name),
      found.repository.map(({ repository_name }) => repository_name),
    ];
  };
  const everything = [
    ['team-blue', 'team-red'],
    ['library/teapot', 'team-blue/app', 'team-red/app', 'team-red/db/tool'],
  ];

  assert.deepEqual(await search('admin', 'q=TEA'), everything);
  assert.deepEqual(await search('ann', 'q=tea'), everything);
  assert.deepEqual(await search('eve', 'q=tea'), [
    ['team-blue'],
    ['library/teapot', 'team-blue/app'],
  ]);
  assert.deepEqual(await search('anonymous', 'q=app'), [[], ['team-blue/app']]);
  assert.deepEqual(await search('admin', 'q=db/'), [[], ['team-red/db/tool']]);
  assert.deepEqual(await search('admin', 'q=%25'), [[], []]);
  assert.deepEqual(await search('eve', 'q='), [
    ['library', 'team-blue'],
    ['library/teapot', 'team-blue/app'],
  ]);
  assert.deepEqual(await search('admin', 'q=tea&page=2&page_size=1'), [
    ['team-red'],
    ['team-blue/app'],
  ]);
  const { project, repository } = (await as('ann').get('/api/v2.0/search?q=team-red')).json();
  assert.equal(project[0].current_user_role_id, 5);
  assert.deepEqual(repository[0], {
    project_id: project[0].project_id,
    project_name: 'team-red',
    project_public: false,
    repository_name: 'team-red/app',
    pull_count: 0,
    artifact_count: 1,
  });
});

test('a search without a text, or with one that can be no name, is answered', async (t) => {
  const { as } = await startApp(t);

  assert.equal((await as('admin').get('/api/v2.0/search')).statusCode, 422);
  assert.equal((await as('admin').get('/api/v2.0/search?q=%00')).statusCode, 400);
  assert.equal((await as('admin').get(`/api/v2.0/search?q=${'a'.repeat(1025)}`)).statusCode, 422);
  assert.deepEqual((await as('admin').get('/api/v2.0/search?q=%5C_%27')).json(), {
    project: [],
    repository: [],
  });
});

test('the statistics count what the caller may see, and all only for administrators', async (t) => {
  const { as, createProject, createUser } = await startApp(t);
  await createProject('hers');
  await createProject('his');
  await createUser('ann', { hers: 3 });
  const sizes = [];
  for (const name of ['hers/a', 'his/a', 'his/b', 'library/a']) {
    sizes.push((await pushImage(as('admin'), name, 'v1')).bytes.length);
  }
  const ask = async (who: string) => (await as(who).get('/api/v2.0/statistics')).json();

  assert.deepEqual(await ask('admin'), {
    private_project_count: 2,
    private_repo_count: 3,
    public_project_count: 1,
    public_repo_count: 1,
    total_project_count: 3,
    total_repo_count: 4,
    total_storage_consumption: 2 + sizes.reduce((sum, size) => sum + size, 0),
  });
  assert.deepEqual(await ask('ann'), {
    private_project_count: 1,
    private_repo_count: 1,
    public_project_count: 1,
    public_repo_count: 1,
    total_project_count: 0,
    total_repo_count: 0,
    total_storage_consumption: 0,
  });
  assert.equal((await as('anonymous').get('/api/v2.0/statistics')).statusCode, 401);
});
