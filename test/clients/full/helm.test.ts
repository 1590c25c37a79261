import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

import { refused, run } from '../support/command.ts';
import { makeFolder } from '../support/folder.ts';
import { needs } from '../support/needs.ts';
import type { Account } from '../support/server.ts';
import { startServer } from '../support/server.ts';
import { shared } from '../support/shared.ts';

const server = shared(startServer);
const folder = shared(makeFolder);
const HTTP = '--plain-http';

/** A project, helm logged in as the administrator, and a packaged chart. */
async function begin(helm: string) {
  const { address, admin, createProject } = await server();
  const { env, path } = await folder();
  const project = await createProject();
  const cwd = `${path}/${project}`;
  mkdirSync(`${cwd}/pulled`, { recursive: true });
  const runHelm = (...args: string[]) => run(helm, args, { env, cwd });
  const login = ({ username, password }: Account) => {
    const args = ['registry', 'login', HTTP, '-u', username, '--password-stdin', address];
    return run(helm, args, { env, input: password });
  };
  await login(admin);
  await runHelm('create', 'demo');
  await runHelm('package', 'demo');
  return {
    helm: runHelm,
    refused: (...args: string[]) => refused(helm, args, { env, cwd }),
    login,
    cwd,
    address,
    project,
    charts: `oci://${address}/${project}/charts`,
  };
}

for (const version of ['helm3', 'helm4']) {
  const options = needs(version);

  test(`${version} pushes a chart and pulls the same bytes again`, options, async () => {
    const { helm, charts, cwd } = await begin(version);

    await helm('push', HTTP, 'demo-0.1.0.tgz', charts);
    await helm('pull', HTTP, `${charts}/demo`, '--version', '0.1.0', '-d', 'pulled');

    const pulled = readFileSync(`${cwd}/pulled/demo-0.1.0.tgz`);
    assert.ok(pulled.equals(readFileSync(`${cwd}/demo-0.1.0.tgz`)));
  });

  test(
    `${version} finds the newest chart among the tags, build metadata too`,
    options,
    async () => {
      const { helm, charts } = await begin(version);
      for (const number of ['0.1.0', '0.2.0', '0.2.1+build.5', '1.0.0-beta']) {
        await helm('package', 'demo', '--version', number);
        await helm('push', HTTP, `demo-${number}.tgz`, charts);
      }

      const newest = await helm('show', 'chart', HTTP, `${charts}/demo`);
      const ranged = await helm('show', 'chart', HTTP, `${charts}/demo`, '--version', '~0.1');
      const exact = await helm('show', 'chart', HTTP, `${charts}/demo`, '--version', '1.0.0-beta');

      assert.match(newest, /^version: 0\.2\.1\+build\.5$/m);
      assert.match(ranged, /^version: 0\.1\.0$/m);
      assert.match(exact, /^version: 1\.0\.0-beta$/m);
    },
  );

  test(`${version} renders a chart straight from the registry`, options, async () => {
    const { helm, charts } = await begin(version);
    await helm('push', HTTP, 'demo-0.1.0.tgz', charts);

    assert.match(await helm('template', 'mine', HTTP, `${charts}/demo`), /kind: Deployment/);
  });

  test(`a guest pulls with ${version} but is refused a push`, options, async () => {
    const { helm, refused, login, charts, project, address } = await begin(version);
    await helm('push', HTTP, 'demo-0.1.0.tgz', charts);
    await login(await (await server()).createMember(project, 'guest'));

    await helm('pull', HTTP, `${charts}/demo`, '-d', 'pulled');
    await helm('package', 'demo', '--version', '0.3.0');
    const output = await refused('push', HTTP, 'demo-0.3.0.tgz', charts);

    assert.match(output, /denied|unauthorized|forbidden/i);
    await helm('registry', 'logout', address);
    assert.match(await refused('pull', HTTP, `${charts}/demo`), /denied|unauthorized|401|403/i);
  });
}
