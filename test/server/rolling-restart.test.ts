import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { createDatabase } from '../harness/database.ts';
import { ACCESS_KEY, needsS3, SECRET_KEY, shareS3 } from '../harness/s3.ts';
import { startTraffic } from '../traffic/index.ts';
import { startBalancer } from './support/balancer.ts';
import { findQuietPort } from './support/killing.ts';
import {
  ADMIN_PASSWORD,
  authorization,
  databaseUrl,
  onEnd,
  startServer,
  stopServer,
  temporaryFolder,
  waitFor,
} from './support/program.ts';

const ROUNDS = Number(process.env.ROADSTEAD_TEST_ROUNDS ?? 1);
const store = shareS3();

/** Restarts one node after the other, as docs/running.md says, while clients push and pull; none of them may see it. */
async function restartUnderLoad(t: TestContext, given: Record<string, string>): Promise<void> {
  onEnd(t, () => {}); // so that the servers end before their database does
  const env = {
    DATABASE_URL: databaseUrl(await createDatabase(t)),
    ROADSTEAD_SECRET_KEY: 'k'.repeat(40),
    ROADSTEAD_ADMIN_PASSWORD: ADMIN_PASSWORD,
    ROADSTEAD_LOG_REQUESTS: 'none',
    ROADSTEAD_WORKERS: '2',
    ROADSTEAD_SHUTDOWN_DELAY_MS: '5000',
    ...given,
  };
  const start = (port: number) => startServer(t, { env: { ...env, ROADSTEAD_PORT: String(port) } });
  const nodes = [await start(await findQuietPort()), await start(await findQuietPort())];
  const urls = nodes.map(({ url }) => url);
  const balancer = await startBalancer(t, urls);
  await waitFor(() => urls.every((url) => balancer.uses(url)));
  const traffic = startTraffic({
    url: balancer.url,
    headers: authorization(ADMIN_PASSWORD),
    customers: 4,
    project: 'library',
    seed: 8,
  });
  onEnd(t, () => traffic.stop());
  const makeProgress = async () => {
    const before = traffic.progress();
    await waitFor(() => traffic.progress() > before + 20);
  };

  for (let turn = 0; turn < 2 * ROUNDS; turn += 1) {
    const node = nodes[turn % 2]!;
    await makeProgress();
    assert.equal(await stopServer(node), 0);
    assert.doesNotMatch(node.output(), /broken off|"level":"error"/);
    await makeProgress();
    nodes[turn % 2] = await start(node.port);
    await waitFor(() => balancer.uses(node.url));
  }
  await makeProgress();
  await traffic.stop();
  await traffic.check();

  t.diagnostic(JSON.stringify(traffic.done()));
  assert.equal(traffic.lost(), 0);
  assert.deepEqual(traffic.complaints(), []);
}

test('two nodes are restarted one after the other, and no client sees it', async (t) => {
  await restartUnderLoad(t, { ROADSTEAD_DATA: temporaryFolder(t) });
});

test(
  'two nodes on a bucket are restarted one after the other, and no client sees it',
  needsS3,
  async (t) => {
    const { bucket, endpoint } = await (await store()).makeBucket();
    await restartUnderLoad(t, {
      ROADSTEAD_S3_BUCKET: bucket!,
      ROADSTEAD_S3_ENDPOINT: endpoint!,
      ROADSTEAD_S3_ACCESS_KEY_ID: ACCESS_KEY,
      ROADSTEAD_S3_SECRET_ACCESS_KEY: SECRET_KEY,
    });
  },
);
