import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { debianArchive, debianName, smallLayout } from '../../scripts/clients/make-images.ts';
import { startContainerTool } from './support/container-tool.ts';
import { needs } from './support/needs.ts';
import { startServer } from './support/server.ts';
import { shared } from './support/shared.ts';

const server = shared(startServer);
const buildah = shared(() => startContainerTool('buildah'));
const options = needs('buildah', 'images');

async function begin() {
  const { address, admin, createProject } = await server();
  const tool = await buildah();
  await tool.login(address, admin);
  const project = await createProject();
  return { ...tool, address, project, repository: `${address}/${project}/app` };
}

/** A build context: files that a Containerfile copies. */
function makeContext(folder: string, containerfile: string): string {
  const context = join(folder, 'context');
  mkdirSync(context, { recursive: true });
  writeFileSync(join(context, 'Containerfile'), containerfile);
  for (const name of ['one', 'two']) writeFileSync(join(context, name), name);
  return context;
}

test(
  'buildah adds a layer to an image of the registry and pushes the result',
  options,
  async () => {
    const { run, repository, folder } = await begin();
    await run('pull', `docker-archive:${debianArchive}`);
    await run('push', debianName, `docker://${repository}:1`);
    await run('rmi', debianName);

    const container = await run('from', `${repository}:1`);
    writeFileSync(`${folder.path}/note`, 'added');
    await run('copy', container, `${folder.path}/note`, '/note');
    await run('commit', container, `${repository}:2`);
    await run('push', `${repository}:2`);
    await run('rm', container);
    await run('rmi', `${repository}:1`, `${repository}:2`);

    assert.match(await run('pull', `${repository}:2`), /^[0-9a-f]{64}$/);
  },
);

test('buildah builds from an image of the registry', options, async () => {
  const { run, makeImage, repository, folder } = await begin();
  await run('push', await makeImage(`${repository}:base`, 'base'));
  const context = makeContext(folder.path, `FROM ${repository}:base\nCOPY one /one\n`);

  await run('build', '--pull-always', '-t', `${repository}:built`, context);
  await run('push', `${repository}:built`);

  await run('rmi', `${repository}:built`);
  assert.match(await run('pull', `${repository}:built`), /^[0-9a-f]{64}$/);
});

test('buildah keeps its build cache in the registry', options, async () => {
  const { run, repository, folder } = await begin();
  const context = makeContext(folder.path, 'FROM scratch\nCOPY one /one\nCOPY two /two\n');
  const cache = ['--layers', '--cache-to', `${repository}/cache`, '--cache-from'];
  const build = ['build', ...cache, `${repository}/cache`, '-t', 'cached', context];

  const first = await run(...build);
  await run('rmi', '--all', '--force');
  const second = await run(...build);

  assert.match(first, /Pushing cache/);
  assert.match(second, /Cache pulled from remote/);
});

test('buildah pushes a manifest list with its images', options, async () => {
  const { run, address, project } = await begin();
  await run('manifest', 'create', 'list');
  for (const architecture of ['amd64', 'arm64']) {
    await run('manifest', 'add', 'list', `oci:${smallLayout}:${architecture}`);
  }

  await run('manifest', 'push', '--all', 'list', `docker://${address}/${project}/app:list`);

  const accept = 'application/vnd.oci.image.index.v1+json';
  const path = `/v2/${project}/app/manifests/list`;
  const reply = await (await server()).request('GET', path, { headers: { accept } });
  const list = (await reply.json()) as { manifests: unknown[] };
  assert.equal(list.manifests.length, 2);
});

test('a guest is refused a push, and buildah says why', options, async () => {
  const { refused, login, makeImage, address, project, repository } = await begin();
  const image = await makeImage(`${repository}:1`, 'from a guest');
  await login(address, await (await server()).createMember(project, 'guest'));

  assert.match(await refused('push', image), /denied|unauthorized/);
});
