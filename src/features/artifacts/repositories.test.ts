import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { sql } from 'kysely';

import {
  descriptorOf,
  imageManifest,
  mediaType,
  must,
  pushBlob,
  pushImage,
  putManifest,
} from '../../../test/harness/registry.ts';
import { startApp } from '../../../test/harness.ts';
import type { Client } from '../../../test/harness/client.ts';
import { repositoryCounting } from './jobs.ts';

const API = '/api/v2.0';
const PROJECTS = `${API}/projects`;

interface Repository {
  id: number;
  project_id: number;
  name: string;
  description?: string;
  artifact_count: number;
  pull_count: number;
  creation_time: string;
  update_time: string;
}

async function list(client: Client, path: string): Promise<Repository[]> {
  return must(await client.get(path), 200).json<Repository[]>();
}

const namesOf = (repositories: Repository[]) => repositories.map(({ name }) => name);

async function get(client: Client, project: string, name: string): Promise<Repository> {
  return must(await client.get(`${PROJECTS}/${project}/repositories/${name}`), 200).json();
}

async function start(t: TestContext) {
  const app = await startApp(t);
  return {
    ...app,
    admin: app.as('admin'),
    count: () => repositoryCounting.run(app.platform, new AbortController().signal),
  };
}

/** An image with a content of its own. */
const pushAnother = (
  client: Client,
  repository: string,
  tag: string | undefined,
  content: string,
) => pushImage(client, repository, tag, { config: JSON.stringify({ author: content }) });

async function pushIndex(client: Client, repository: string, tag: string, children: Buffer[]) {
  const manifests = children.map((child) => descriptorOf(child, mediaType.OCI_IMAGE_MANIFEST));
  const index = { schemaVersion: 2, mediaType: mediaType.OCI_IMAGE_INDEX, manifests };
  const bytes = Buffer.from(JSON.stringify(index));
  must(await putManifest(client, repository, tag, bytes, mediaType.OCI_IMAGE_INDEX), 201);
}

test('repositories are asked for by the name of their project, also when it is the id of another', async (t) => {
  const { admin, createProject } = await start(t);
  const { project_id } = (await admin.get(`${PROJECTS}/library`)).json();
  const digits = String(project_id);
  await createProject(digits);
  await pushImage(admin, 'library/app', 'v1');
  await pushImage(admin, `${digits}/app`, 'v1');
  await pushImage(admin, `${digits}/other`, 'v1');
  const listIn = async (project: string) =>
    namesOf(await list(admin, `${PROJECTS}/${project}/repositories?sort=name`));

  assert.deepEqual(await listIn(digits), [`${digits}/app`, `${digits}/other`]);
  const deleted = await admin.delete(`${PROJECTS}/${digits}/repositories/app`);

  assert.equal(deleted.statusCode, 200);
  assert.deepEqual(await listIn(digits), [`${digits}/other`]);
  assert.deepEqual(await listIn('library'), ['library/app']);
});

test('members of a project named with digits are reached by its id, and by its name when asked so', async (t) => {
  const { admin, createProject, createUser } = await start(t);
  const { project_id } = (await admin.get(`${PROJECTS}/library`)).json();
  await createProject(String(project_id));
  await createUser('ann', { library: 2 });
  const names = async (headers = {}) => {
    const reply = await admin.get(`${PROJECTS}/${project_id}/members`, headers);
    return reply.json<{ entity_name: string }[]>().map(({ entity_name }) => entity_name);
  };

  assert.deepEqual(await names(), ['admin', 'ann']);
  assert.deepEqual(await names({ 'x-is-resource-name': 'true' }), ['admin']);
});

test('a repository is found by its name, whose slashes are encoded once or twice', async (t) => {
  const { admin } = await start(t);
  await pushImage(admin, 'library/tools/app', 'v1');

  for (const name of ['tools%2Fapp', 'tools%252Fapp', 'tools%252fapp']) {
    const repository = await get(admin, 'library', name);
    const { id: _, project_id: __, creation_time, update_time, ...rest } = repository;
    assert.deepEqual(rest, {
      name: 'library/tools/app',
      artifact_count: 1,
      pull_count: 0,
      description: '',
    });
    assert.ok(update_time >= creation_time);
  }
  for (const name of ['tools', 'app', 'tools%25252Fapp', '%25', '%C3%A4', '..%2Fapp']) {
    const reply = await admin.get(`${PROJECTS}/library/repositories/${name}`);
    assert.equal(reply.statusCode, 404, name);
  }
  assert.equal((await admin.get(`${PROJECTS}/library/repositories/%00`)).statusCode, 400);
});

test('the description can be changed, and nothing else', async (t) => {
  const { admin, as, createUser } = await start(t);
  await createUser('dev', { library: 2 });
  await createUser('guest', { library: 3 });
  await pushImage(admin, 'library/app', 'v1');
  const path = `${PROJECTS}/library/repositories/app`;
  const before = await get(admin, 'library', 'app');
  const description = '<b>Tools</b> & "more"\n';

  const changed = await as('dev').put(path, {
    ...before,
    name: 'library/x',
    pull_count: 9,
    description,
  });
  const after = await get(admin, 'library', 'app');

  assert.deepEqual([changed.statusCode, changed.body], [200, '']);
  assert.ok(after.update_time > before.update_time);
  assert.deepEqual(after, { ...before, description, update_time: after.update_time });
  assert.equal((await as('guest').put(path, { description })).statusCode, 403);
  assert.equal((await admin.put(`${path}x`, { description })).statusCode, 404);
  assert.equal((await admin.put(path, { description: 1 })).statusCode, 422);
  assert.equal((await admin.put(path, { description: 'x'.repeat(65_537) })).statusCode, 400);
});

test('every repository one may see is in one list', async (t) => {
  const { admin, as, createProject, createUser } = await start(t);
  await createProject('open', true);
  await createProject('closed');
  await createProject('mine');
  await createUser('ann', { mine: 5 });
  for (const project of ['open', 'closed', 'mine']) await pushImage(admin, `${project}/app`, 'v1');
  const rows: [user: string, names: string[]][] = [
    ['admin', ['closed/app', 'mine/app', 'open/app']],
    ['ann', ['mine/app', 'open/app']],
    ['anonymous', ['open/app']],
  ];

  for (const [user, names] of rows) {
    const reply = must(await as(user).get(`${API}/repositories?sort=name`), 200);
    assert.deepEqual(namesOf(reply.json()), names, user);
    assert.equal(reply.headers['x-total-count'], String(names.length));
  }
  must(await admin.delete(`${PROJECTS}/open?with_repositories=true`), 200);
  assert.deepEqual(await list(as('anonymous'), `${API}/repositories`), []);
});

test('a list of repositories is filtered, sorted, the youngest first, and cut into pages', async (t) => {
  const { admin, count } = await start(t);
  for (const name of ['alpha', 'beta', 'gamma']) await pushImage(admin, `library/${name}`, 'v1');
  await pushAnother(admin, 'library/beta', 'v2', 'more');
  await admin.put(`${PROJECTS}/library/repositories/gamma`, { description: 'Third' });
  const rows: [query: string, names: string][] = [
    ['', 'gamma beta alpha'],
    ['sort=name', 'alpha beta gamma'],
    ['sort=creation_time', 'alpha beta gamma'],
    ['sort=-update_time', 'gamma beta alpha'],
    ['q=name%3D~ET', 'beta'],
    ['q=name%3Dlibrary/gamma', 'gamma'],
    ['q=description%3D~third', 'gamma'],
    ['q=artifact_count%3D[2~]', 'beta'],
    ['q=name%3D~a,artifact_count%3D1&sort=name', 'alpha gamma'],
    ['page_size=1&page=2', 'beta'],
    ['q=nonsense%3D1&sort=nonsense', 'gamma beta alpha'],
  ];
  await count();

  for (const [query, names] of rows) {
    const found = await list(admin, `${PROJECTS}/library/repositories?${query}`);
    assert.equal(
      namesOf(found)
        .map((name) => name.slice(8))
        .join(' '),
      names,
      query,
    );
  }
  for (const query of ['q=name', 'q=pull_count%3Dx', 'q=creation_time%3Dx']) {
    const reply = await admin.get(`${PROJECTS}/library/repositories?${query}`);
    assert.equal(reply.statusCode, 400, query);
  }
});

test('the count of artifacts is right at once, and after it was counted', async (t) => {
  const { admin, count, platform } = await start(t);
  const tagged = await pushAnother(admin, 'library/app', 'v1', 'tagged');
  const child = await pushAnother(admin, 'library/app', undefined, 'child');
  const alone = await pushAnother(admin, 'library/app', undefined, 'alone');
  const subject = descriptorOf(tagged.bytes, mediaType.OCI_IMAGE_MANIFEST);
  const manifests = '/v2/library/app/manifests';
  // Each is done after the others.
  const steps: [what: string, act: () => Promise<unknown>, count: number][] = [
    ['three images', async () => {}, 3],
    ['an index lists one', () => pushIndex(admin, 'library/app', 'all', [child.bytes]), 3],
    ['the listed one has a tag', () => putManifest(admin, 'library/app', 'c', child.bytes), 4],
    ['and has it no more', () => admin.delete(`${manifests}/c`), 3],
    ['a signature', () => pushImage(admin, 'library/app', undefined, { also: { subject } }), 3],
    ['the same again', () => putManifest(admin, 'library/app', 'v1', tagged.bytes), 3],
    ['one is deleted', () => admin.delete(`${manifests}/${alone.digest}`), 2],
    ['one is restored', () => restoreLast(admin), 3],
    ['the index is deleted', () => deleteByTag(admin, 'library/app', 'all'), 3],
  ];

  for (const [what, act, wanted] of steps) {
    await act();
    const atOnce = await get(admin, 'library', 'app');
    await count();
    const later = await get(admin, 'library', 'app');
    const { rows } = await sql<{ artifact_count: number }>`
      select artifact_count from repository where name = 'library/app'`.execute(platform.db);

    assert.equal(atOnce.artifact_count, wanted, what);
    assert.equal(later.artifact_count, wanted, what);
    assert.equal(rows[0]!.artifact_count, wanted, what);
    assert.equal(later.update_time, atOnce.update_time, what);
  }
});

async function restoreLast(client: Client): Promise<void> {
  const [deletion] = (await client.get(`${API}/trash?kind=artifact`)).json();
  must(await client.post(`${API}/trash/${deletion.id}/restore`), 200);
}

async function deleteByTag(client: Client, repository: string, tag: string): Promise<void> {
  const { headers } = await client.head(`/v2/${repository}/manifests/${tag}`);
  const digest = String(headers['docker-content-digest']);
  must(await client.delete(`/v2/${repository}/manifests/${digest}`), 202);
}

test('two nodes count at once while others push, and nothing is missed', async (t) => {
  const { admin, count, platform, ...app } = await start(t);
  const other = await startApp(t, { besides: { ...app, platform } });
  await pushBlob(admin, 'library/app', '{}');
  const push = (number: number) =>
    putManifest(
      admin,
      'library/app',
      `v${number}`,
      imageManifest({ also: { annotations: { n: String(number) } } }),
    );
  const pushing = new AbortController();
  const counting = [platform, other.platform].map(async (node) => {
    while (!pushing.signal.aborted) {
      await repositoryCounting.run(node, new AbortController().signal);
    }
  });

  for (let number = 0; number < 40; number += 4) {
    await Promise.all([push(number), push(number + 1), push(number + 2), push(number + 3)]);
  }
  pushing.abort();
  await Promise.all(counting);
  await count();

  const { rows } = await sql<{ artifact_count: number; changes: number }>`
    select artifact_count, (select count(*) from repository_change) as changes
    from repository where name = 'library/app'`.execute(platform.db);
  assert.deepEqual(rows, [{ artifact_count: 40, changes: 0 }]);
});
