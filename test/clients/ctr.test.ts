import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { debianLayout, smallLayout } from '../../scripts/clients/make-images.ts';
import { run } from './support/command.ts';
import { startContainerd } from './support/containerd.ts';
import { digestOf } from './support/layout.ts';
import { needs } from './support/needs.ts';
import { startServer } from './support/server.ts';
import { shared } from './support/shared.ts';

const server = shared(startServer);
const containerd = shared(startContainerd);
const options = needs('containerd', 'ctr', 'skopeo', 'images');
const NATIVE = ['--snapshotter', 'native'];

/** A project with a real image and a small one for two platforms. */
async function begin(projectOptions?: { public: boolean }) {
  const { address, url, admin, createProject } = await server();
  const project = await createProject(projectOptions);
  const repository = `${address}/${project}`;
  const user = `${admin.username}:${admin.password}`;
  const skopeo = ['--insecure-policy', 'copy', '--all', '--dest-tls-verify=false'];
  const copy = [...skopeo, `--dest-creds=${user}`];
  await run('skopeo', [...copy, `oci:${smallLayout}:list`, `docker://${repository}/small:list`]);
  const tool = await containerd();
  return { ...tool, address, url, user, project, repository, copy };
}

/** A folder as containerd's `config_path`: where a registry's name leads. */
function makeHosts(folder: string, name: string, toml: string): string {
  const hosts = join(folder, `hosts-${name.replace(':', '-')}`);
  mkdirSync(join(hosts, name), { recursive: true });
  writeFileSync(join(hosts, name, 'hosts.toml'), toml);
  return hosts;
}

test('ctr pulls a real image over plain HTTP and unpacks it', options, async () => {
  const { ctr, repository, user, copy } = await begin();
  const name = `${repository}/debian:1`;
  await run('skopeo', [...copy, `oci:${debianLayout}:1`, `docker://${name}`]);

  await ctr('images', 'pull', '--plain-http', '--user', user, ...NATIVE, name);

  assert.match(await ctr('images', 'ls', `name==${name}`), new RegExp(digestOf(debianLayout, '1')));
  assert.match(await ctr('images', 'check', ...NATIVE, `name==${name}`), /complete \(4\/4\).*true/);
});

test('ctr pulls all platforms and pushes them to another repository', options, async () => {
  const { ctr, repository, user } = await begin();
  const name = `${repository}/small:list`;
  const access = ['--plain-http', '--user', user];

  await ctr('content', 'fetch', '--all-platforms', ...access, name);
  await ctr('images', 'push', ...access, `${repository}/pushed:list`, name);
  await ctr('images', 'rm', name);
  await ctr('content', 'fetch', '--all-platforms', ...access, `${repository}/pushed:list`);

  const listed = await ctr('images', 'ls', `name==${repository}/pushed:list`);
  assert.match(listed, new RegExp(digestOf(smallLayout, 'list')));
  assert.match(listed, /linux\/amd64,linux\/arm64/);
});

test('ctr pulls by hosts.toml', options, async () => {
  const { ctr, repository, url, user, address, folder } = await begin();
  const toml = `server = "${url}"\n[host."${url}"]\n  capabilities = ["pull", "resolve"]\n`;
  const hosts = makeHosts(folder.path, address, toml);
  const digest = digestOf(smallLayout, 'list');
  const pull = ['images', 'pull', '--hosts-dir', hosts, '--user', user, ...NATIVE];

  await ctr(...pull, `${repository}/small:list`);
  await ctr(...pull, `${repository}/small@${digest}`);

  assert.match(
    await ctr('images', 'ls', `name==${repository}/small@${digest}`),
    new RegExp(digest),
  );
});

test('ctr pulls from this registry as the mirror of another', options, async () => {
  const { ctr, url, project, folder } = await begin({ public: true });
  const toml = `[host."${url}"]\n  capabilities = ["pull", "resolve"]\n`;
  const hosts = makeHosts(folder.path, 'registry.example', toml);
  const name = `registry.example/${project}/small:list`;

  await ctr('images', 'pull', '--hosts-dir', hosts, ...NATIVE, name);

  assert.match(
    await ctr('images', 'ls', `name==${name}`),
    new RegExp(digestOf(smallLayout, 'list')),
  );
});

test('ctr is refused a private image without a login, and a push as a guest', options, async () => {
  const { ctr, refused, repository, project, user } = await begin();
  const guest = await (await server()).createMember(project, 'guest');
  const asGuest = ['--plain-http', '--user', `${guest.username}:${guest.password}`];
  const name = `${repository}/small:list`;
  await ctr('content', 'fetch', '--all-platforms', '--plain-http', '--user', user, name);

  const anonymous = await refused('images', 'pull', '--plain-http', ...NATIVE, name);
  await ctr('images', 'pull', ...asGuest, ...NATIVE, name);
  const push = await refused('images', 'push', ...asGuest, `${repository}/other:1`, name);

  assert.match(anonymous, /authorization failed|unauthorized|denied|401/i);
  assert.match(push, /authorization failed|unauthorized|denied|401/i);
});

test('ctr pulls from a public project without a login', options, async () => {
  const { ctr, repository } = await begin({ public: true });

  await ctr('images', 'pull', '--plain-http', ...NATIVE, `${repository}/small:list`);

  assert.match(await ctr('images', 'ls', '-q'), new RegExp(`${repository}/small:list`));
});
