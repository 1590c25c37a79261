import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import type { RunOptions } from './support/command.ts';
import { attempt, run } from './support/command.ts';
import { makeFolder } from './support/folder.ts';
import { needs } from './support/needs.ts';
import { startServer } from './support/server.ts';
import { shared } from './support/shared.ts';
import { startWire } from './support/wire.ts';

const server = shared(startServer);
const folder = shared(makeFolder);
const options = needs('curl');

async function begin() {
  const { url, admin, createProject } = await server();
  const repository = `${url}/v2/${await createProject()}/files`;
  const user = ['--user', `${admin.username}:${admin.password}`];
  const curl = (...args: string[]) => run('curl', ['-sS', '--fail-with-body', ...user, ...args]);
  const { path } = await folder();
  const bytes = randomBytes(3_000_000);
  const file = `${path}/bytes`;
  writeFileSync(file, bytes);
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  return { curl, repository, path, bytes, file, digest, url, admin };
}

/** The value of a header in what `curl -i` or `curl -D -` prints. */
function header(output: string, name: string): string {
  const found = new RegExp(`^${name}: (.*)$`, 'im').exec(output)?.[1];
  assert.ok(found !== undefined, `no ${name} in\n${output}`);
  return found.trim();
}

/** Begins an upload; gives the whole address that continues it. */
async function beginUpload(
  curl: (...args: string[]) => Promise<string>,
  repository: string,
): Promise<string> {
  const begun = await curl(
    '-X',
    'POST',
    '-D',
    '-',
    '-o',
    '/dev/null',
    `${repository}/blobs/uploads/`,
  );
  return new URL(header(begun, 'location'), repository).href;
}

test(
  'curl is told where to get a token, gets it there, and is let in with it',
  options,
  async () => {
    const { url, admin } = await begin();
    const silent: RunOptions = {};

    const { stdout } = await attempt('curl', ['-si', `${url}/v2/`], silent);
    const challenge = header(stdout, 'www-authenticate');
    const realm = /realm="([^"]+)"/.exec(challenge)?.[1] ?? '';
    const service = /service="([^"]+)"/.exec(challenge)?.[1] ?? '';
    const user = `${admin.username}:${admin.password}`;
    const query = ['-G', '--data-urlencode', `service=${service}`];
    const reply = JSON.parse(await run('curl', ['-sSf', '-u', user, ...query, realm]));

    assert.match(stdout, /^HTTP\/1.1 401/);
    assert.match(stdout, /docker-distribution-api-version: registry\/2.0/i);
    const bearer = `authorization: Bearer ${reply.token}`;
    assert.match(await run('curl', ['-sSfi', '-H', bearer, `${url}/v2/`]), /^HTTP\/1.1 200/);
  },
);

test('curl uploads a file in one request and downloads it again', options, async () => {
  const { curl, repository, path, bytes, file, digest } = await begin();
  const location = await beginUpload(curl, repository);
  const separator = location.includes('?') ? '&' : '?';

  await curl('-T', file, `${location}${separator}digest=${digest}`);
  await curl('-o', `${path}/downloaded`, `${repository}/blobs/${digest}`);

  assert.ok(readFileSync(`${path}/downloaded`).equals(bytes));
});

/** How many bytes the server has. It says `0-0` when it has none. */
const offsetIn = (range: string): number => (range === '0-0' ? 0 : Number(range.split('-')[1]) + 1);

/** Just after a break the server may still be storing what came before it: the first status is then
 * out of date, and a client that is told 416 asks again. */
async function retryWhile416<T>(attempt: () => Promise<T>, times = 5): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    if (times === 1 || !String(error).includes('error: 416')) throw error;
    await sleep(200);
    return retryWhile416(attempt, times - 1);
  }
}

test('curl resumes an upload whose connection broke where the server says', options, async (t) => {
  const { curl, repository, bytes, path, digest, file, url } = await begin();
  const wire = await startWire((await server()).address);
  t.after(() => wire.stop());
  const location = await beginUpload(curl, repository);
  const broken = location.replace(url, `http://${wire.address}`);
  const patch = ['-X', 'PATCH', '-H', 'content-type: application/octet-stream', '-H', 'expect:'];

  wire.breakUploadAfter(1_000_000);
  await assert.rejects(curl(...patch, '--data-binary', `@${file}`, broken));
  const { offset, patched } = await retryWhile416(async () => {
    const status = await curl('-D', '-', location);
    const offset = offsetIn(header(status, 'range'));
    writeFileSync(`${path}/rest`, bytes.subarray(offset));
    const range = `content-range: ${offset}-${bytes.length - 1}`;
    const rest = [...patch, '-H', range, '--data-binary', `@${path}/rest`, '-D', '-'];
    const next = new URL(header(status, 'location'), url).href;
    return { offset, patched: await curl(...rest, next) };
  });
  const last = new URL(header(patched, 'location'), url);
  last.searchParams.set('digest', digest);
  await curl('-X', 'PUT', last.href);

  assert.ok(offset > 0 && offset < bytes.length, `resumed at ${offset}`);
  const head = await curl('-I', `${repository}/blobs/${digest}`);
  assert.equal(header(head, 'content-length'), String(bytes.length));
});

test('curl resumes a download and reads a range', options, async () => {
  const { curl, repository, path, bytes, file, digest } = await begin();
  const upload = await beginUpload(curl, repository);
  await curl('-T', file, `${upload}${upload.includes('?') ? '&' : '?'}digest=${digest}`);
  const blob = `${repository}/blobs/${digest}`;
  const part = `${path}/part`;
  await curl('-o', part, blob);
  truncateSync(part, 1_000_000);

  await curl('-C', '-', '-o', part, blob);
  await curl('-r', '-5', '-o', `${path}/end`, blob);

  assert.equal(statSync(part).size, bytes.length);
  assert.ok(readFileSync(part).equals(bytes));
  assert.ok(readFileSync(`${path}/end`).equals(bytes.subarray(-5)));
});

test('curl gets no bytes again when its copy is still right', options, async () => {
  const { curl, repository, path, file, digest } = await begin();
  const upload = await beginUpload(curl, repository);
  await curl('-T', file, `${upload}${upload.includes('?') ? '&' : '?'}digest=${digest}`);
  const etag = ['--etag-save', `${path}/etag`, '--etag-compare', `${path}/etag`];
  const get = ['-o', '/dev/null', '-w', '%{http_code}', `${repository}/blobs/${digest}`];

  assert.equal(await curl(...etag, ...get), '200');
  assert.equal(await curl(...etag, ...get), '304');
});
