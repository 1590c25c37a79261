import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { refused, run } from './support/command.ts';
import { makeFolder } from './support/folder.ts';
import { needs } from './support/needs.ts';
import { listReferrers } from './support/referrers.ts';
import type { Account } from './support/server.ts';
import { startServer } from './support/server.ts';
import { shared } from './support/shared.ts';

const server = shared(startServer);
const folder = shared(makeFolder);
const options = needs('oras');
const program = join(import.meta.dirname, 'support/oras-steps.py');

async function begin() {
  const { address, admin, createProject } = await server();
  const { env, path } = await folder();
  const project = await createProject();
  const bytes = randomBytes(2_500_000);
  writeFileSync(`${path}/file.bin`, bytes);
  const step = (account: Account, args: string[]) => [program, address, account.username, ...args];
  const as = (account: Account) => ({ env, input: account.password });
  return {
    async oras(...args: string[]): Promise<unknown> {
      return JSON.parse(await run('oras', step(admin, args), as(admin)));
    },
    refused: (account: Account, ...args: string[]) =>
      refused('oras', step(account, args), as(account)),
    path,
    bytes,
    project,
    repository: `${address}/${project}/files`,
  };
}

test('oras pushes a file and pulls it again', options, async () => {
  const { oras, path, bytes, repository } = await begin();

  assert.equal(await oras('push', `${repository}:1`, `${path}/file.bin`), 201);
  await oras('pull', `${repository}:1`, `${path}/pulled`);

  assert.ok(readFileSync(`${path}/pulled/file.bin`).equals(bytes));
});

test('oras pushes a folder and pulls it again', options, async () => {
  const { oras, path, repository } = await begin();
  mkdirSync(`${path}/tree/branch`, { recursive: true });
  writeFileSync(`${path}/tree/branch/leaf`, 'green');

  await oras('push', `${repository}:1`, `${path}/tree`);
  await oras('pull', `${repository}:1`, `${path}/pulled-tree`);

  assert.equal(readFileSync(`${path}/pulled-tree/tree/branch/leaf`, 'utf8'), 'green');
});

test('oras uploads in chunks', options, async () => {
  const { oras, path, bytes, repository } = await begin();

  await oras('push', `${repository}:1`, `${path}/file.bin`, '1000000');
  await oras('pull', `${repository}:1`, `${path}/pulled-chunks`);

  assert.ok(readFileSync(`${path}/pulled-chunks/file.bin`).equals(bytes));
});

test('oras attaches a file to an artifact, and the registry lists it', options, async () => {
  const { oras, path, project, repository } = await begin();
  await oras('push', `${repository}:1`, `${path}/file.bin`);

  const digest = await oras('attach', `${repository}:note`, `${path}/file.bin`, `${repository}:1`);

  const listed = await listReferrers(await server(), `${project}/files`, String(digest));
  assert.equal(listed.length, 1);
});

test('oras lists tags and deletes one', options, async () => {
  const { oras, path, repository } = await begin();
  await oras('push', `${repository}:1`, `${path}/file.bin`);
  await oras('push', `${repository}:2`, program);

  await oras('delete', repository, '1');

  assert.deepEqual(await oras('tags', repository), ['2']);
});

test('a guest is refused a push by oras', options, async () => {
  const { refused, path, project, repository } = await begin();
  const guest = await (await server()).createMember(project, 'guest');

  const output = await refused(guest, 'push', `${repository}:1`, `${path}/file.bin`);

  assert.match(output, /unauthorized|denied|401/i);
});
