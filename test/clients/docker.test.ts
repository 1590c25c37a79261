import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';

import { debianArchive, debianName } from '../../scripts/clients/make-images.ts';
import { startDocker } from './support/docker.ts';
import { needs } from './support/needs.ts';
import { startServer } from './support/server.ts';
import { shared } from './support/shared.ts';
import { startWire } from './support/wire.ts';

const server = shared(startServer);
const docker = shared(startDocker);
const options = needs('docker', 'dockerd', 'images');

/** A project, and docker logged in as the administrator. */
async function begin(projectOptions?: { public: boolean }) {
  const { address, admin, createProject } = await server();
  const project = await createProject(projectOptions);
  await (await docker()).login(address, admin);
  return { ...(await docker()), address, admin, repository: `${address}/${project}/app`, project };
}

test(
  'docker logs in with the right password and is refused with a wrong one',
  options,
  async () => {
    const { address, admin } = await server();
    const { login, refused } = await docker();

    assert.match(await login(address, admin), /Login Succeeded/);
    const wrong = ['login', '-u', admin.username, '--password-stdin', address];
    assert.match(await refused(wrong, { input: 'not the password' }), /unauthorized/i);
  },
);

test('docker pushes a real image and pulls the same image again', options, async () => {
  const { run, idOf, repository } = await begin();
  await run(['load', '-i', debianArchive]);
  await run(['tag', debianName, `${repository}:1`]);
  const id = await idOf(debianName);

  const pushed = await run(['push', `${repository}:1`]);
  await run(['image', 'rm', debianName, `${repository}:1`]);
  const pulled = await run(['pull', `${repository}:1`]);

  const digest = /digest: (sha256:[0-9a-f]{64})/.exec(pushed)?.[1];
  assert.ok(digest !== undefined && pulled.includes(`Digest: ${digest}`), pulled);
  assert.equal(await idOf(`${repository}:1`), id);
  await run(['image', 'rm', `${repository}:1`]);
});

test('docker uploads a layer once: again, and to another repository', options, async () => {
  const { run, makeImage, repository } = await begin();
  const image = await makeImage(`${repository}:1`, 'a layer');
  await run(['tag', image, `${repository}-2:1`]);

  await run(['push', image]);

  assert.match(await run(['push', image]), /Layer already exists/);
  assert.match(await run(['push', `${repository}-2:1`]), /Mounted from/);
});

test('docker pulls by digest, and all tags of a repository', options, async () => {
  const { run, makeImage, idOf, repository } = await begin();
  const pushed = [];
  for (const tag of ['1', '2']) {
    const name = await makeImage(`${repository}:${tag}`, `tag ${tag}`);
    pushed.push({ name, id: await idOf(name), output: await run(['push', name]) });
  }
  await run(['image', 'rm', ...pushed.map(({ name }) => name)]);
  const digest = /sha256:[0-9a-f]{64}(?= size)/.exec(pushed[0]?.output ?? '')?.[0];

  await run(['pull', `${repository}@${digest}`]);
  await run(['pull', '--all-tags', repository]);

  assert.equal(await idOf(`${repository}@${digest}`), pushed[0]?.id);
  for (const { name, id } of pushed) assert.equal(await idOf(name), id);
});

test('docker pushes a manifest list and pulls the image of its platform', options, async () => {
  const { run, makeImage, idOf, repository } = await begin();
  const host = await run(['version', '--format', '{{.Server.Arch}}']);
  const other = host === 'arm64' ? 'amd64' : 'arm64';
  for (const architecture of [host, other]) {
    await run(['push', await makeImage(`${repository}:${architecture}`, architecture)]);
  }
  const parts = [`${repository}:${host}`, `${repository}:${other}`];

  const list = `${repository}:list`;
  await run(['manifest', 'create', '--insecure', list, ...parts]);
  await run(['manifest', 'annotate', '--arch', other, list, `${repository}:${other}`]);
  await run(['manifest', 'push', '--insecure', list]);
  await run(['pull', list]);

  const inspected = await run(['manifest', 'inspect', '--insecure', list]);
  for (const architecture of [host, other]) {
    assert.ok(inspected.includes(`"architecture": "${architecture}"`), inspected);
  }
  assert.equal(await idOf(list), await idOf(`${repository}:${host}`));
});

test('a guest may pull but is refused a push, and docker says why', options, async () => {
  const { run, refused, login, makeImage, repository, project, address } = await begin();
  const image = await makeImage(`${repository}:1`, 'for guests');
  await run(['push', image]);
  await run(['image', 'rm', image]);
  await login(address, await (await server()).createMember(project, 'guest'));

  await run(['pull', image]);
  const output = await refused(['push', await makeImage(`${repository}:2`, 'from a guest')]);

  assert.match(output, /denied|unauthorized/);
});

test('after docker logout the next push is refused', options, async () => {
  const { run, refused, logout, makeImage, repository, address } = await begin();
  const image = await makeImage(`${repository}:1`, 'before logout');
  await run(['push', image]);

  await logout(address);

  const next = await makeImage(`${repository}:2`, 'after logout');
  assert.match(await refused(['push', next]), /denied|unauthorized|no basic auth/);
});

test('anyone pulls from a public project, and nobody from a private one', options, async () => {
  for (const isPublic of [true, false]) {
    const { run, refused, logout, makeImage, repository, address } = await begin({
      public: isPublic,
    });
    const image = await makeImage(`${repository}:1`, 'who may read this');
    await run(['push', image]);
    await run(['image', 'rm', image]);
    await logout(address);

    if (isPublic) await run(['pull', image]);
    else assert.match(await refused(['pull', image]), /denied|unauthorized|no basic auth/);
  }
});

test('docker says that a tag is unknown', options, async () => {
  const { run, refused, makeImage, repository } = await begin();
  await run(['push', await makeImage(`${repository}:1`, 'the only tag')]);

  assert.match(await refused(['pull', `${repository}:2`]), /not found|manifest unknown/);
});

test('docker pushes a layer of 300 MB over a line that breaks once', options, async (t) => {
  const { run, login, makeImage, idOf, admin, project } = await begin();
  const wire = await startWire((await server()).address);
  t.after(() => wire.stop());
  await login(wire.address, admin);
  const image = await makeImage(`${wire.address}/${project}/large:1`, randomBytes(300_000_000));
  const id = await idOf(image);

  wire.breakUploadAfter(100_000_000);
  await run(['push', image], { timeoutMs: 300_000 });
  await run(['image', 'rm', image]);
  await run(['pull', image], { timeoutMs: 300_000 });

  assert.equal(wire.broken(), 1);
  assert.equal(await idOf(image), id);
});
