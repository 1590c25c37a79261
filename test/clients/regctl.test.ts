import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';

import { debianLayout, smallLayout } from '../../scripts/clients/make-images.ts';
import { refused, run } from './support/command.ts';
import { makeFolder } from './support/folder.ts';
import { digestOf } from './support/layout.ts';
import { needs } from './support/needs.ts';
import { listReferrers } from './support/referrers.ts';
import type { Account } from './support/server.ts';
import { startServer } from './support/server.ts';
import { shared } from './support/shared.ts';
import { startWire } from './support/wire.ts';

const server = shared(startServer);
const folder = shared(makeFolder);
const options = needs('regctl', 'images');

async function begin() {
  const { address, admin, createProject } = await server();
  const { env, path } = await folder();
  const project = await createProject();
  const regctl = (...args: string[]) => run('regctl', args, { env });
  /** Makes regctl speak plain HTTP to a registry, as this account. */
  async function login({ username, password }: Account, host = address): Promise<void> {
    await regctl('registry', 'set', '--skip-check', '--tls=disabled', host);
    const args = ['registry', 'login', '-u', username, '--pass-stdin', host];
    await run('regctl', args, { env, input: password });
  }
  await login(admin);
  return {
    regctl,
    login,
    refused: (...args: string[]) => refused('regctl', args, { env }),
    admin,
    path,
    env,
    address,
    project,
    repository: `${address}/${project}/app`,
  };
}

const small = `ocidir://${smallLayout}:list`;

test('regctl copies a real image in and out', options, async () => {
  const { regctl, repository, path } = await begin();

  await regctl('image', 'copy', `ocidir://${debianLayout}:1`, `${repository}:1`);
  await regctl('image', 'copy', `${repository}:1`, `ocidir://${path}/debian:1`);

  assert.equal(digestOf(`${path}/debian`, '1'), digestOf(debianLayout, '1'));
});

test('regctl puts artifacts on an image, and the registry lists them', options, async () => {
  const { regctl, env, repository, project } = await begin();
  await regctl('image', 'copy', small, `${repository}:1`);
  const put = (type: string) => {
    const args = ['artifact', 'put', '--artifact-type', type, '--subject', `${repository}:1`];
    return run('regctl', args, { env, input: `content of ${type}` });
  };

  await put('application/spdx+json');
  await put('application/vnd.example.note');

  const digest = digestOf(smallLayout, 'list');
  const listed = await listReferrers(await server(), `${project}/app`, digest);
  const types = new Set(['application/spdx+json', 'application/vnd.example.note']);
  assert.deepEqual(new Set(listed.map(({ artifactType }) => artifactType)), types);
  const filter = ['--filter-artifact-type', 'application/spdx+json'];
  filter.push('--format', '{{json .Descriptors}}');
  const found = JSON.parse(await regctl('artifact', 'list', ...filter, `${repository}:1`));
  assert.equal(found.length, 1);
  const get = ['artifact', 'get', '--subject', `${repository}:1`, '--filter-artifact-type'];
  const note = await regctl(...get, 'application/vnd.example.note');
  assert.equal(note, 'content of application/vnd.example.note');
});

test('regctl copies an image with all that refers to it', options, async () => {
  const { regctl, env, repository, project } = await begin();
  await regctl('image', 'copy', small, `${repository}:1`);
  const put = ['artifact', 'put', '--artifact-type', 'text/plain', '--subject', `${repository}:1`];
  await run('regctl', put, { env, input: 'a note' });

  await regctl(
    'image',
    'copy',
    '--referrers',
    '--digest-tags',
    `${repository}:1`,
    `${repository}/b:1`,
  );

  const digest = digestOf(smallLayout, 'list');
  const listed = await listReferrers(await server(), `${project}/app/b`, digest);
  assert.deepEqual(
    listed.map(({ artifactType }) => artifactType),
    ['text/plain'],
  );
  assert.match(await regctl('artifact', 'tree', `${repository}/b:1`), /text\/plain/);
});

test('regctl lists and deletes a tag and leaves the image', options, async () => {
  const { regctl, repository } = await begin();
  for (const tag of ['1', '2']) await regctl('image', 'copy', small, `${repository}:${tag}`);

  await regctl('tag', 'delete', `${repository}:1`);

  assert.equal(await regctl('tag', 'ls', repository), '2');
  await regctl('manifest', 'head', `${repository}@${digestOf(smallLayout, 'list')}`);
});

test('regctl deletes an image by digest', options, async () => {
  const { regctl, refused, repository } = await begin();
  await regctl('image', 'copy', small, `${repository}:1`);

  await regctl('manifest', 'delete', `${repository}@${digestOf(smallLayout, 'list')}`);

  assert.match(await refused('manifest', 'get', `${repository}:1`), /not found/i);
});

test('regctl changes an image in the registry and exports it', options, async () => {
  const { regctl, repository, path } = await begin();
  await regctl('image', 'copy', small, `${repository}:1`);

  const label = ['--label', 'colour=blue', '--create', `${repository}:2`];
  await regctl('image', 'mod', `${repository}:1`, ...label);
  await regctl('image', 'export', `${repository}:2`, `${path}/exported.tar`);
  await regctl('image', 'import', `${repository}:3`, `${path}/exported.tar`);

  const config = ['image', 'config', '--platform=linux/amd64', `${repository}:3`];
  assert.equal(JSON.parse(await regctl(...config)).config.Labels.colour, 'blue');
  assert.match(await regctl('repo', 'ls', repository.split('/')[0] ?? ''), /\/app$/m);
});

test('regctl uploads in chunks, over a line that breaks once', options, async (t) => {
  const { regctl, login, env, path, admin, project } = await begin();
  const wire = await startWire((await server()).address);
  t.after(() => wire.stop());
  await login(admin, wire.address);
  const chunked = ['--blob-chunk=1000000', '--blob-max=1000000'];
  await regctl('registry', 'set', '--skip-check', ...chunked, wire.address);
  const bytes = randomBytes(5_500_000);
  writeFileSync(`${path}/bytes`, bytes);

  wire.breakUploadAfter(500_000);
  const repository = `${wire.address}/${project}/files`;
  const put = ['artifact', 'put', '--file', `${path}/bytes`, `${repository}:1`];
  await run('regctl', put, { env });

  const digest = createHash('sha256').update(bytes).digest('hex');
  await regctl('blob', 'head', repository, `sha256:${digest}`);
  const patches = wire.seen.filter(({ method }) => method === 'PATCH');
  assert.ok(patches.length >= 5, `${patches.length} chunks`);
  assert.equal(wire.broken(), 1);
});

test('a guest is refused a write, and regctl says why', options, async () => {
  const { regctl, refused, login, repository, project } = await begin();
  await regctl('image', 'copy', small, `${repository}:1`);
  await login(await (await server()).createMember(project, 'guest'));

  await regctl('manifest', 'head', `${repository}:1`);
  const output = await refused('image', 'copy', `${repository}:1`, `${repository}:2`);

  assert.match(output, /unauthorized|denied|forbidden/i);
});
