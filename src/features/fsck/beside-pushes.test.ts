import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';

import { startApp, type TestApp } from '../../../test/harness.ts';
import {
  beginUpload,
  digestOf,
  imageManifest,
  pushBlob,
  putManifest,
} from '../../../test/harness/registry.ts';
import { needsS3, shareS3 } from '../../../test/harness/s3.ts';
import { collectGarbage } from '../garbage-collection/index.ts';
import { checkRegistry, startFigures, type Finding } from './index.ts';

const CLIENTS = 8;
const s3 = shareS3();

/** Runs fsck, repairs too, while clients push, mount, delete and cancel, and all that nobody uses goes at once. */
async function checkBesidePushes(app: TestApp, rounds: number): Promise<Finding[]> {
  const ending = new AbortController();
  const { signal } = ending;
  const findings: Finding[] = [];
  const collecting = (async () => {
    while (!signal.aborted) await collectGarbage(app.platform, new AbortController().signal);
  })();
  let pushed = 0;
  const clients = Array.from({ length: CLIENTS }, (_, number) =>
    pushOn(app, number, { signal, pushed: () => (pushed += 1) }),
  );
  // On a slow machine the collector is quicker than nearly every push.
  const until = performance.now() + 60_000;
  const isEnough = () => pushed >= CLIENTS || performance.now() > until;
  for (let round = 0; round < rounds || !isEnough(); round++) {
    await checkRegistry(
      app.platform,
      { verify: true, repair: round % 2 === 1 },
      { found: (finding) => findings.push(finding), progress() {}, figures: startFigures() },
      new AbortController().signal,
    );
  }
  ending.abort();
  await Promise.all(clients);
  await collecting;
  assert.ok(pushed > 0);
  return findings;
}

async function pushOn(
  app: TestApp,
  number: number,
  { signal, pushed }: { signal: AbortSignal; pushed: () => void },
): Promise<void> {
  const admin = app.as('admin');
  const repository = `library/r${number % 3}`;
  for (let round = 0; !signal.aborted; round++) {
    const layer = `layer ${number} ${round}`;
    const large = randomBytes(300_000);
    const path = await beginUpload(admin, repository);
    await admin.patch(path, large.subarray(0, 100_000));
    await admin.patch(path, large.subarray(100_000));
    if (round % 4 === 0) await admin.delete(path);
    else await admin.put(`${path}?digest=${digestOf(large)}`);
    for (const content of ['{}', 'shared', layer]) await pushBlob(admin, repository, content);
    // Refused when a blob of it was collected before.
    const bytes = imageManifest({ layers: ['shared', layer] });
    const { statusCode } = await putManifest(admin, repository, `t${number}`, bytes);
    if (statusCode === 201) pushed();
    if (round % 2 === 0) await admin.delete(`/v2/${repository}/manifests/${digestOf(bytes)}`);
  }
}

const changeGc = (gc: object) => Object.assign(gc, { grace_seconds: 0, hold_seconds: 0 });

test('folder: fsck finds nothing while clients push and garbage is collected', async (t) => {
  const app = await startApp(t, { config: ({ gc }) => changeGc(gc) });

  assert.deepEqual(await checkBesidePushes(app, 6), []);
});

test('s3: fsck finds nothing while clients push and garbage is collected', needsS3, async (t) => {
  const bucket = await (await s3()).makeBucket();
  const app = await startApp(t, {
    config: (values) => {
      values.s3 = bucket;
      changeGc(values.gc);
    },
  });

  assert.deepEqual(await checkBesidePushes(app, 2), []);
});
