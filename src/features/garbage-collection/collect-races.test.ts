import assert from 'node:assert/strict';
import { test } from 'node:test';

import { sql } from 'kysely';

import { startApp } from '../../../test/harness.ts';
import {
  digestOf,
  imageManifest,
  pushBlob,
  pushImage,
  putManifest,
} from '../../../test/harness/registry.ts';
import type { Db } from '../../platform/db/connect.ts';
import { purgeManifests } from '../artifacts/index.ts';
import { collectGarbage } from './index.ts';

const CLIENTS = 50;
const ROUNDS = Number(process.env.ROADSTEAD_TEST_ROUNDS ?? 1) * 6;
const LAYERS = ['base', 'runtime', 'libraries'];

test('while images that share layers come and go, no collected blob is one that was acknowledged', async (t) => {
  const app = await startApp(t, {
    config: ({ gc }) => Object.assign(gc, { grace_seconds: 0, hold_seconds: 0 }),
  });
  const admin = app.as('admin');
  const ending = new AbortController();
  const collecting = (async () => {
    let blobs = 0;
    while (!ending.signal.aborted) {
      blobs += (await collectGarbage(app.platform, new AbortController().signal)).blobs;
    }
    return blobs;
  })();
  const outcomes = { pushed: 0, refused: 0 };

  const live = async (number: number) => {
    const repository = `library/r${number % 5}`;
    for (let round = 0; round < ROUNDS; round++) {
      const layers = [...LAYERS.slice(0, 1 + (round % 3)), `own-${number % 10}-${round}`];
      const content = ['{}', ...layers];
      // Half of them come by mount, if they are still there to be mounted.
      const pushOrMount = async (bytes: string, index: number) => {
        if ((index + number) % 2 === 0) {
          const url = `/v2/${repository}/blobs/uploads/?mount=${digestOf(bytes)}&from=library/r0`;
          if ((await admin.post(url)).statusCode === 201) return;
        }
        await pushBlob(admin, repository, bytes);
      };
      await Promise.all(content.map(pushOrMount));
      const bytes = imageManifest({ layers });
      const { statusCode, body } = await putManifest(admin, repository, `t${number}`, bytes);
      if (statusCode !== 201) {
        assert.match(body, /MANIFEST_BLOB_UNKNOWN/);
        outcomes.refused += 1;
        continue;
      }
      outcomes.pushed += 1;
      for (const layer of content) {
        const pulled = await admin.get(`/v2/${repository}/blobs/${digestOf(layer)}`);
        assert.deepEqual([pulled.statusCode, pulled.body], [200, layer]);
      }
      if (round % 2 === 0) await admin.delete(`/v2/${repository}/manifests/t${number}`);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, number) => live(number)));
  ending.abort();
  const collected = await collecting;

  assert.ok(outcomes.pushed > 0 && collected > 0, JSON.stringify({ ...outcomes, collected }));
  const { rows } = await sql<{ location: string }>`
    select b.location from manifest_blob mb join blob b on b.id = mb.blob_id`.execute(
    app.platform.db,
  );
  for (const location of new Set(rows.map((row) => row.location))) {
    await app.platform.storage.readWhole(location);
  }
});

test('a blob whose last manifest goes while it is being looked at stays a candidate', async (t) => {
  const app = await startApp(t, {
    config: ({ gc }) => Object.assign(gc, { grace_seconds: 0, hold_seconds: 0 }),
  });
  const { db } = app.platform;
  const { digest } = await pushImage(app.as('admin'), 'library/app', 'v1', { layers: ['layer'] });
  await app.as('admin').delete(`/v2/library/app/manifests/${digest}`);
  const { rows } = await sql<{ id: number }>`select id from manifest`.execute(db);
  const collect = () => collectGarbage(app.platform, new AbortController().signal);

  const collecting = await db.transaction().execute(async (tx) => {
    await purgeManifests(tx, [rows[0]!.id]);
    const running = collect();
    await waitForLock(db);
    return { running };
  });
  const first = await collecting.running;
  const second = await collect();

  assert.equal(first.blobs + second.blobs, 2);
});

/** Waits until somebody in this database waits for a lock. */
async function waitForLock(db: Db): Promise<void> {
  for (;;) {
    const { rows } = await sql`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(
      db,
    );
    if (rows.length > 0) return;
  }
}
