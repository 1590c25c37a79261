import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { smallLayout } from '../../scripts/clients/make-images.ts';
import { attempt, refused, run } from './support/command.ts';
import { startContainerTool } from './support/container-tool.ts';
import { startDocker } from './support/docker.ts';
import { makeFolder } from './support/folder.ts';
import { needs } from './support/needs.ts';
import { startServer, type Robot } from './support/server.ts';
import { shared } from './support/shared.ts';

const server = shared(startServer);
const docker = shared(startDocker);
const podman = shared(() => startContainerTool('podman'));
const folder = shared(makeFolder);

const withoutPrefix = ({ username, ...robot }: Robot): Robot => ({
  ...robot,
  username: username.replace('robot$', ''),
});

test(
  'docker logs in as a robot, pushes and pulls until it is deleted',
  needs('docker', 'dockerd'),
  async () => {
    const { address, createProject, createRobot, request } = await server();
    const project = await createProject();
    const robot = await createRobot(project, 'push');
    const client = await docker();

    assert.match(robot.username, /^robot\$/);
    assert.match(await client.login(address, robot), /Login Succeeded/);
    const image = await client.makeImage(`${address}/${project}/app:1`, 'made by a robot');
    await client.run(['push', image]);
    await client.run(['image', 'rm', image]);
    await client.run(['pull', image]);
    await request('DELETE', `/api/v2.0/robots/${robot.id}`);
    await client.run(['image', 'rm', image]);

    assert.match(await client.refused(['pull', image]), /unauthorized/i);
    assert.match(
      await client.refused(['login', '-u', robot.username, '--password-stdin', address], {
        input: robot.password,
      }),
      /unauthorized/i,
    );
  },
);

test(
  'docker logs in as a robot by its name without the prefix',
  needs('docker', 'dockerd'),
  async () => {
    const { address, createProject, createRobot } = await server();
    const robot = await createRobot(await createProject(), 'pull');
    const client = await docker();

    assert.match(await client.login(address, withoutPrefix(robot)), /Login Succeeded/);
  },
);

test(
  'podman is refused while its robot is disabled, and let in again',
  needs('podman', 'buildah'),
  async () => {
    const { address, createProject, createRobot, request } = await server();
    const project = await createProject();
    const robot = await createRobot(project, 'push');
    const client = await podman();
    const disable = async (isDisabled: boolean) => {
      const path = `/api/v2.0/robots/${robot.id}`;
      const found = (await (await request('GET', path)).json()) as object;
      const reply = await request('PUT', path, { body: { ...found, disable: isDisabled } });
      assert.equal(reply.status, 200);
    };
    for (const account of [robot, withoutPrefix(robot)]) {
      assert.match(await client.login(address, account), /Login Succeeded/);
    }
    const image = await client.makeImage(`${address}/${project}/app:1`, 'made by a robot');
    await client.run('push', image);

    await disable(true);
    const said = await client.refused('push', image);
    await disable(false);
    await client.run('push', image);

    assert.match(said, /unauthorized/i);
  },
);

test(
  'skopeo pushes as a robot that may, and is refused as one that may only pull',
  needs('skopeo', 'images'),
  async () => {
    const { address, createProject, createRobot } = await server();
    const project = await createProject();
    const pusher = await createRobot(project, 'push');
    const puller = withoutPrefix(await createRobot(project, 'pull'));
    const { env, path } = await folder();
    const app = `docker://${address}/${project}/app:1`;
    const skopeo = ['copy', '--insecure-policy', '--all'];
    const push = ({ username, password }: Robot) => {
      const to = ['--dest-tls-verify=false', `--dest-creds=${username}:${password}`];
      return [...skopeo, ...to, `oci:${smallLayout}:list`, app];
    };
    const pull = ({ username, password }: Robot) => {
      const from = ['--src-tls-verify=false', `--src-creds=${username}:${password}`];
      return [...skopeo, ...from, app, `dir:${path}/pulled`];
    };

    await run('skopeo', push(pusher), { env });
    await run('skopeo', pull(puller), { env });
    const said = await refused('skopeo', push(puller), { env });

    assert.match(said, /unauthorized|denied/i);
  },
);

test(
  'crane works with each of the two secrets of a robot that changes them, until the old one ends',
  needs('crane', 'images'),
  async () => {
    const { address, createProject, createRobot, request } = await server();
    const project = await createProject();
    const robot = await createRobot(project, 'push');
    const { env } = await folder();
    const image = `${address}/${project}/app:1`;
    const login = (password: string) =>
      run('crane', ['auth', 'login', address, '-u', robot.username, '-p', password], { env });
    const work = async (password: string) => {
      await login(password);
      await run('crane', ['push', '--index', smallLayout, image], { env });
      return run('crane', ['digest', image], { env });
    };
    const change = async (seconds: number) => {
      const keep_old_until = Math.floor(Date.now() / 1000) + seconds;
      const path = `/api/v2.0/robots/${robot.id}`;
      const reply = await request('PATCH', path, { body: { keep_old_until } });
      return ((await reply.json()) as { secret: string }).secret;
    };

    const second = await change(3600);
    assert.equal(await work(robot.password), await work(second));
    const third = await change(2);
    await login(second);
    while ((await attempt('crane', ['digest', image], { env })).code === 0) await sleep(500);

    assert.match(await refused('crane', ['digest', image], { env }), /unauthorized/i);
    await work(third);
  },
);
