import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test, type TestContext } from 'node:test';

import { createDatabase } from '../harness/database.ts';
import { digestOf } from '../harness/registry.ts';
import { ACCESS_KEY, needsS3, SECRET_KEY, shareS3 } from '../harness/s3.ts';
import { beginRequest, send } from '../harness/wire.ts';
import { pushImage, verify } from './support/content.ts';
import {
  databaseUrl,
  findChildren,
  onEnd,
  runToEnd,
  serverEnvironment,
  startServer,
  temporaryFolder,
  waitFor,
} from './support/program.ts';

const store = shareS3();

/** What nodes of one registry have in common: a database, a bucket and a key. No folder. */
async function beginRegistry(t: TestContext) {
  onEnd(t, () => {}); // so that the servers end before their database does
  const { bucket, endpoint } = await (await store()).makeBucket();
  const env = {
    DATABASE_URL: databaseUrl(await createDatabase(t)),
    ROADSTEAD_SECRET_KEY: 'k'.repeat(40),
    ROADSTEAD_S3_BUCKET: bucket!,
    ROADSTEAD_S3_ENDPOINT: endpoint!,
    ROADSTEAD_S3_ACCESS_KEY_ID: ACCESS_KEY,
    ROADSTEAD_S3_SECRET_ACCESS_KEY: SECRET_KEY,
    ROADSTEAD_LOG_REQUESTS: 'changes',
  };
  return { env, bucket: bucket! };
}

async function startTwo(t: TestContext) {
  const { env, bucket } = await beginRegistry(t);
  const [one, two] = await Promise.all([startServer(t, { env }), startServer(t, { env })]);
  return { env, bucket, one, two };
}

async function begin(url: string): Promise<string> {
  const reply = await send(`${url}/v2/library/app/blobs/uploads/`, { method: 'POST' });
  return reply.headers.location!;
}

test('two nodes on one database and one bucket serve as one', needsS3, async (t) => {
  const { env, one, two, bucket } = await startTwo(t);
  const bytes = randomBytes(31_000_000);
  const digest = digestOf(bytes);

  const [config, layer, manifest] = await pushImage(one.url, '1');
  await verify(two.url, 'manifests', manifest!);
  for (const blob of [config!, layer!]) await verify(two.url, 'blobs', blob);

  const path = await begin(one.url);
  const cuts = [0, 1_000_000, 12_000_000, 24_000_000, bytes.length];
  for (const [index, start] of cuts.slice(0, -1).entries()) {
    const body = bytes.subarray(start, cuts[index + 1]);
    const { url } = index % 2 === 0 ? two : one;
    const reply = await send(url + path, {
      method: 'PATCH',
      headers: { 'content-range': `${start}-${start + body.length - 1}` },
      body,
    });
    assert.deepEqual([reply.statusCode, reply.headers.range], [202, `0-${cuts[index + 1]! - 1}`]);
  }
  const finished = await send(`${one.url}${path}?digest=${digest}`, { method: 'PUT' });

  assert.equal(finished.statusCode, 201);
  await verify(one.url, 'blobs', digest);
  await verify(two.url, 'blobs', digest);
  const folders = [one.data, two.data];
  assert.notEqual(folders[0], folders[1]);
  await waitFor(async () => {
    const collected = await runToEnd(t, ['gc'], { env: { ...env, ROADSTEAD_DATA: one.data } });
    assert.equal(collected.code, 0, collected.stderr);
    return (await (await store()).listFiles(bucket)).length === 4; // two blobs of the image, this one, and the mark
  }, 60_000);
  assert.ok(!(one.output() + two.output()).includes(SECRET_KEY));
});

test(
  'an upload whose node is killed goes on at the other, from what was acknowledged',
  needsS3,
  async (t) => {
    const { one, two } = await startTwo(t);
    const bytes = randomBytes(40_000_000);
    const digest = digestOf(bytes);
    const path = await begin(one.url);
    await send(one.url + path, { method: 'PATCH', body: bytes.subarray(0, 10_000_000) });
    const killed = beginRequest(one.url + path, { method: 'PATCH' });
    killed.request.write(randomBytes(20_000_000));
    await waitFor(async () => (await send(two.url + path)).headers.range === '0-9999999');
    for (const pid of findChildren(one.pid, 'worker')) process.kill(pid, 'SIGKILL');
    await assert.rejects(killed.reply);

    const put = () =>
      send(`${two.url}${path}?digest=${digest}`, {
        method: 'PUT',
        headers: { 'content-range': `10000000-${bytes.length - 1}` },
        body: bytes.subarray(10_000_000),
      });
    let finished = await put();
    await waitFor(async () => {
      if (finished.statusCode === 416) finished = await put(); // until the lease is over
      return finished.statusCode !== 416;
    }, 60_000);

    assert.equal(finished.statusCode, 201, finished.body.toString());
    await verify(two.url, 'blobs', digest);
  },
);

test('a bucket that is not there stops the start with a reason', needsS3, async (t) => {
  const { env } = await beginRegistry(t);
  const data = temporaryFolder(t);

  const wrong = { ...env, ROADSTEAD_S3_BUCKET: 'no-such-bucket' };
  const { code, stderr } = await runToEnd(t, ['server'], { env: serverEnvironment(data, wrong) });

  assert.equal(code, 1);
  assert.match(stderr, /^roadstead: s3: there is no bucket no-such-bucket at http/m);
  assert.ok(!stderr.includes(SECRET_KEY));
});
