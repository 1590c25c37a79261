import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';

import { debianLayout, smallLayout } from '../../scripts/clients/make-images.ts';
import { refused, run } from './support/command.ts';
import { makeFolder } from './support/folder.ts';
import { blobsOf, digestOf } from './support/layout.ts';
import { needs } from './support/needs.ts';
import type { Account } from './support/server.ts';
import { startServer } from './support/server.ts';
import { shared } from './support/shared.ts';
import { startWire } from './support/wire.ts';

const server = shared(startServer);
const folder = shared(makeFolder);
const options = needs('crane', 'images');

async function begin(projectOptions?: { public: boolean }) {
  const { address, admin, createProject } = await server();
  const { env, path } = await folder();
  const project = await createProject(projectOptions);
  const crane = (...args: string[]) => run('crane', args, { env });
  const login = ({ username, password }: Account, host = address) =>
    crane('auth', 'login', host, '-u', username, '-p', password);
  await login(admin);
  return {
    crane,
    login,
    refused: (...args: string[]) => refused('crane', args, { env }),
    admin,
    path,
    address,
    project,
    repository: `${address}/${project}/app`,
  };
}

test(
  'crane pushes an index with its images, validates it and pulls it again',
  options,
  async () => {
    const { crane, repository, path } = await begin();

    await crane('push', '--index', smallLayout, `${repository}:all`);
    await crane('validate', '--remote', `${repository}:all`);
    await crane('pull', '--format=oci', `${repository}:all`, `${path}/pulled`);

    assert.deepEqual(blobsOf(`${path}/pulled`).length, blobsOf(smallLayout).length + 1);
  },
);

test('crane copies a real image and keeps its digest', options, async () => {
  const { crane, repository } = await begin();
  const index = await pushDebian(crane, repository);

  await crane('copy', `${repository}:1`, `${repository}-copy:1`);

  assert.equal(await crane('digest', `${repository}-copy:1`), index);
  await crane('validate', '--remote', `${repository}-copy:1`);
});

/** Crane pushes a layout with one image as an index; gives its digest. */
async function pushDebian(
  crane: (...args: string[]) => Promise<string>,
  repository: string,
): Promise<string> {
  await crane('push', '--index', debianLayout, `${repository}:1`);
  return crane('digest', `${repository}:1`);
}

test('crane mounts layers between repositories and uploads none', options, async (t) => {
  const { login, crane, admin, project } = await begin();
  const wire = await startWire((await server()).address);
  t.after(() => wire.stop());
  await login(admin, wire.address);
  const repository = `${wire.address}/${project}/app`;
  await crane('push', '--index', smallLayout, `${repository}:1`);
  wire.seen.length = 0;

  await crane('copy', `${repository}:1`, `${repository}-mounted:1`);

  const uploads = wire.seen.filter(({ path }) => path.includes('/blobs/uploads/'));
  assert.ok(uploads.some(({ path }) => path.includes('mount=')));
  assert.deepEqual(
    [...new Set(uploads.map(({ method, status }) => `${method} ${status}`))],
    ['POST 201'],
  );
});

test('crane appends a layer and changes labels in the registry', options, async () => {
  const { crane, repository, path } = await begin();
  writeFileSync(`${path}/note`, 'a note');
  execFileSync('tar', ['-C', path, '-cf', `${path}/note.tar`, 'note']);

  await crane('append', '--oci-empty-base', '-f', `${path}/note.tar`, '-t', `${repository}:1`);
  await crane('mutate', `${repository}:1`, '--label', 'colour=blue', '-t', `${repository}:2`);
  await crane('export', `${repository}:2`, `${path}/exported.tar`);

  assert.equal(JSON.parse(await crane('config', `${repository}:2`)).config.Labels.colour, 'blue');
  assert.match(readFileSync(`${path}/exported.tar`, 'latin1'), /a note/);
});

test('crane tags, lists tags and repositories, and reads a blob', options, async () => {
  const { crane, repository, address, project } = await begin();
  await crane('push', '--index', smallLayout, `${repository}:1`);

  await crane('tag', `${repository}:1`, 'latest');

  assert.deepEqual((await crane('ls', repository)).split('\n'), ['1', 'latest']);
  assert.ok((await crane('catalog', address)).split('\n').includes(`${project}/app`));
  const digest = digestOf(smallLayout, 'amd64');
  const { config } = JSON.parse(await crane('manifest', `${repository}@${digest}`));
  const blob = await crane('blob', `${repository}@${config.digest}`);
  assert.equal(JSON.parse(blob).architecture, 'amd64');
});

test('crane picks a platform out of an index', options, async () => {
  const { crane, repository } = await begin();
  await crane('push', '--index', smallLayout, `${repository}:1`);
  const list = digestOf(smallLayout, 'list');

  const digest = await crane('digest', '--platform=linux/arm64', `${repository}@${list}`);

  assert.equal(digest, digestOf(smallLayout, 'arm64'));
});

test('crane deletes an image by digest', options, async () => {
  const { crane, refused, repository } = await begin();
  await crane('push', '--index', smallLayout, `${repository}:1`);

  await crane('delete', `${repository}@${await crane('digest', `${repository}:1`)}`);

  assert.match(await refused('manifest', `${repository}:1`), /MANIFEST_UNKNOWN|not found/i);
});

test('crane pushes an image over a line that breaks once', options, async (t) => {
  const { login, crane, admin, project } = await begin();
  const wire = await startWire((await server()).address);
  t.after(() => wire.stop());
  await login(admin, wire.address);
  const name = `${wire.address}/${project}/app:1`;

  wire.breakUploadAfter(10_000_000);
  await crane('push', '--index', debianLayout, name);

  assert.equal(wire.broken(), 1);
  await crane('validate', '--remote', name);
});

test(
  'a guest reads with crane but is refused a write; a stranger is refused both',
  options,
  async () => {
    const { crane, refused, login, repository, project, address } = await begin();
    await crane('push', '--index', smallLayout, `${repository}:1`);
    await login(await (await server()).createMember(project, 'guest'));

    await crane('manifest', `${repository}:1`);
    const denied = /DENIED|UNAUTHORIZED/i;
    assert.match(await refused('tag', `${repository}:1`, '2'), denied);
    assert.match(await refused('delete', `${repository}:1`), denied);
    await crane('auth', 'logout', address);
    assert.match(await refused('manifest', `${repository}:1`), denied);
  },
);
