import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { debianArchive, debianName, smallLayout } from '../../scripts/clients/make-images.ts';
import { startContainerTool } from './support/container-tool.ts';
import { needs } from './support/needs.ts';
import { startServer } from './support/server.ts';
import { shared } from './support/shared.ts';

const server = shared(startServer);
const podman = shared(() => startContainerTool('podman'));
const options = needs('podman', 'buildah', 'images');

/** A project, podman logged in as the administrator, and a small image in its storage. */
async function begin(projectOptions?: { public: boolean }) {
  const { address, admin, createProject } = await server();
  const project = await createProject(projectOptions);
  const tool = await podman();
  await tool.login(address, admin);
  const small = await tool.makeImage('localhost/small', project);
  return { ...tool, address, small, project, repository: `${address}/${project}/app` };
}

test(
  'podman logs in with the right password and is refused with a wrong one',
  options,
  async () => {
    const { address, admin } = await server();
    const { login, refused } = await podman();

    assert.match(await login(address, admin), /Login Succeeded/);
    const output = await refused('login', '-u', admin.username, '-p', 'wrong', address);
    assert.match(output, /invalid username\/password|unauthorized/i);
  },
);

test('podman pushes a real image and pulls the same image again', options, async () => {
  const { run, idOf, repository } = await begin();
  await run('load', '-i', debianArchive);
  const id = await idOf(debianName);

  await run('push', debianName, `${repository}:1`);
  await run('rmi', debianName);
  await run('pull', `${repository}:1`);

  assert.equal(await idOf(`${repository}:1`), id);
  await run('rmi', `${repository}:1`);
});

test('podman pushes layers packed as zstd:chunked and pulls them', options, async () => {
  const { run, repository, small } = await begin();
  const name = `${repository}:zstd`;

  await run('push', '--compression-format=zstd:chunked', '--format=oci', small, name);
  await run('rmi', small);

  assert.match(await run('pull', name), /^[0-9a-f]{64}$/);
});

test('podman pushes a manifest list with its images and pulls one of them', options, async () => {
  const { run, repository } = await begin();
  const list = `${repository}:list`;
  await run('manifest', 'create', list);
  for (const architecture of ['amd64', 'arm64']) {
    await run('manifest', 'add', list, `oci:${smallLayout}:${architecture}`);
  }

  await run('manifest', 'push', '--all', list, `docker://${list}`);
  await run('manifest', 'rm', list);
  const id = await run('pull', '--arch', 'arm64', list);

  assert.equal(await run('inspect', '--format', '{{.Architecture}}', id), 'arm64');
});

test('podman pulls by digest', options, async () => {
  const { run, repository, small, folder } = await begin();
  const file = `${folder.path}/digest`;
  await run('push', '--digestfile', file, small, `${repository}:1`);
  const digest = readFileSync(file, 'utf8');

  assert.match(await run('pull', `${repository}@${digest}`), /^[0-9a-f]{64}$/);
});

test('podman searches the tags of a repository', options, async () => {
  const { run, repository, small } = await begin();
  for (const tag of ['1', '2']) await run('push', small, `${repository}:${tag}`);

  const found = await run('search', '--list-tags', repository);

  const tags = found.split('\n').map((line) => line.split(/\s+/)[1]);
  assert.deepEqual(tags, ['TAG', '1', '2']);
});

test('a guest may pull but is refused a push, and podman says why', options, async () => {
  const { run, refused, login, logout, repository, small, address, project } = await begin();
  await run('push', small, `${repository}:1`);
  await login(address, await (await server()).createMember(project, 'guest'));

  await run('pull', `${repository}:1`);
  const output = await refused('push', small, `${repository}:2`);

  assert.match(output, /denied|unauthorized/);
  await logout(address);
  assert.match(await refused('pull', `${repository}:1`), /denied|unauthorized/);
});

test('podman pulls from a public project without a login', options, async () => {
  const { run, logout, repository, small, address } = await begin({ public: true });
  await run('push', small, `${repository}:1`);

  await logout(address);

  assert.match(await run('pull', `${repository}:1`), /^[0-9a-f]{64}$/);
});
