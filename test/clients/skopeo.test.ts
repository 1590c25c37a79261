import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { debianLayout, smallLayout } from '../../scripts/clients/make-images.ts';
import { refused, run } from './support/command.ts';
import { makeFolder } from './support/folder.ts';
import { blobsOf, digestOf } from './support/layout.ts';
import { needs } from './support/needs.ts';
import { startServer } from './support/server.ts';
import { shared } from './support/shared.ts';

const server = shared(startServer);
const folder = shared(makeFolder);
const options = needs('skopeo', 'images');

async function begin() {
  const { address, admin, createProject } = await server();
  const { env, path } = await folder();
  const project = await createProject();
  const flags = ['--insecure-policy'];
  const skopeo = (...args: string[]) => run('skopeo', [...flags, ...args], { env });
  const { username, password } = admin;
  const login = ['login', '--tls-verify=false', '-u', username, '--password-stdin', address];
  await run('skopeo', login, { env, input: password });
  return {
    skopeo,
    refused: (...args: string[]) => refused('skopeo', [...flags, ...args], { env }),
    path,
    address,
    admin,
    project,
    repository: `docker://${address}/${project}`,
  };
}

const OUT = '--src-tls-verify=false';
const IN = '--dest-tls-verify=false';

test('skopeo copies a real image to the registry and back, byte for byte', options, async () => {
  const { skopeo, repository, path } = await begin();

  await skopeo('copy', IN, `oci:${debianLayout}:1`, `${repository}/debian:1`);
  await skopeo('copy', OUT, `${repository}/debian:1`, `oci:${path}/debian:1`);

  assert.deepEqual(blobsOf(join(path, 'debian')), blobsOf(debianLayout));
});

test('skopeo copies a manifest list with all its images', options, async () => {
  const { skopeo, repository, path } = await begin();

  await skopeo('copy', '--all', IN, `oci:${smallLayout}:list`, `${repository}/small:list`);
  await skopeo('copy', '--all', OUT, `${repository}/small:list`, `oci:${path}/small:list`);

  assert.equal(digestOf(`${path}/small`, 'list'), digestOf(smallLayout, 'list'));
  const raw = await skopeo('inspect', '--raw', '--tls-verify=false', `${repository}/small:list`);
  assert.equal(JSON.parse(raw).manifests.length, 2);
});

test('skopeo copies between repositories and converts to docker’s format', options, async () => {
  const { skopeo, repository } = await begin();
  const from = `${repository}/small:amd64`;
  await skopeo('copy', IN, `oci:${smallLayout}:amd64`, from);

  await skopeo('copy', '--format=v2s2', OUT, IN, from, `${repository}/deep/down/small:docker`);

  const to = `${repository}/deep/down/small:docker`;
  const raw = JSON.parse(await skopeo('inspect', '--raw', '--tls-verify=false', to));
  assert.equal(raw.mediaType, 'application/vnd.docker.distribution.manifest.v2+json');
});

test('skopeo pushes layers packed with zstd', options, async () => {
  const { skopeo, repository } = await begin();
  const name = `${repository}/small:zstd`;

  await skopeo('copy', '--dest-compress-format=zstd', IN, `oci:${smallLayout}:amd64`, name);

  const raw = JSON.parse(await skopeo('inspect', '--raw', '--tls-verify=false', name));
  assert.match(raw.layers[0].mediaType, /tar\+(zstd|gzip)$/);
  assert.equal(JSON.parse(await skopeo('inspect', '--tls-verify=false', name)).Os, 'linux');
});

test('skopeo lists tags in order', options, async () => {
  const { skopeo, repository } = await begin();
  for (const tag of ['b', 'a', 'B']) {
    await skopeo('copy', IN, `oci:${smallLayout}:amd64`, `${repository}/small:${tag}`);
  }

  const listed = await skopeo('list-tags', '--tls-verify=false', `${repository}/small`);

  assert.deepEqual(JSON.parse(listed).Tags, ['B', 'a', 'b']);
});

test('skopeo syncs whole repositories out of and into the registry', options, async () => {
  const { skopeo, repository, path, address, project } = await begin();
  for (const tag of ['1', '2']) {
    await skopeo('copy', '--all', IN, `oci:${smallLayout}:list`, `${repository}/small:${tag}`);
  }
  const list = { [address]: { 'tls-verify': false, images: { [`${project}/small`]: [] } } };
  writeFileSync(`${path}/sync.yaml`, JSON.stringify(list));
  const yaml = ['sync', '--src', 'yaml', '--dest', 'dir', '--all', `${path}/sync.yaml`];

  await skopeo(...yaml, `${path}/synced`);
  const flags = ['--src', 'docker', '--dest', 'docker', '--all', OUT, IN];
  const source = `${address}/${project}/small`;
  await skopeo('sync', ...flags, source, `${address}/${project}/copy`);

  const synced = readdirSync(`${path}/synced`, { recursive: true }).map(String);
  assert.equal(synced.filter((name) => /small:[12]$/.test(name)).length, 2);
  const listed = await skopeo('list-tags', '--tls-verify=false', `${repository}/copy/small`);
  assert.deepEqual(JSON.parse(listed).Tags, ['1', '2']);
});

test('skopeo deletes an image', options, async () => {
  const { skopeo, refused, repository } = await begin();
  const name = `${repository}/small:1`;
  await skopeo('copy', IN, `oci:${smallLayout}:amd64`, name);

  await skopeo('delete', '--tls-verify=false', name);

  assert.match(await refused('inspect', '--tls-verify=false', name), /manifest unknown|not found/);
});

test('skopeo writes only with credentials that may', options, async () => {
  const { skopeo, refused, repository, project } = await begin();
  const guest = await (await server()).createMember(project, 'guest');
  const credentials = `${guest.username}:${guest.password}`;
  const from = `oci:${smallLayout}:amd64`;
  await skopeo('copy', IN, from, `${repository}/small:1`);

  const inspect = ['inspect', '--tls-verify=false', `--creds=${credentials}`];
  await skopeo(...inspect, `${repository}/small:1`);
  const output = await refused(
    'copy',
    IN,
    `--dest-creds=${credentials}`,
    from,
    `${repository}/b:1`,
  );

  assert.match(output, /denied|unauthorized/);
  await skopeo('logout', (await server()).address);
  const anonymous = ['inspect', '--tls-verify=false', `${repository}/small:1`];
  assert.match(await refused(...anonymous), /denied|unauthorized/);
});
