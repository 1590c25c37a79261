import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { sql } from 'kysely';

import { startApp, type TestApp } from '../../../test/harness.ts';
import {
  digestOf,
  imageManifest,
  must,
  pushBlob,
  putManifest,
} from '../../../test/harness/registry.ts';
import { collectGarbage } from '../garbage-collection/index.ts';
import { emptyTrash } from './purge.ts';

const CLIENTS = 50;
const ROUNDS = Number(process.env.ROADSTEAD_TEST_ROUNDS ?? 1) * 6;
const TRASH = '/api/v2.0/trash';

/** Purges and collects without a pause until it is stopped; `gone` is what went so far. */
function purgeAndCollect({ platform }: TestApp) {
  const ending = new AbortController();
  const forever = new AbortController().signal;
  const gone = { manifests: 0, blobs: 0 };
  const running = (async () => {
    while (!ending.signal.aborted) {
      gone.manifests += (await emptyTrash(platform.db, 14, forever)).manifests;
      gone.blobs += (await collectGarbage(platform, forever)).blobs;
    }
  })();
  return {
    gone,
    async stop() {
      ending.abort();
      await running;
    },
  };
}

/** One client, with images of its own that share layers with those of all others. */
function client(app: TestApp, number: number) {
  const admin = app.as('admin');
  const isAlone = number % 5 === 0; // deletes its whole repository
  const repository = isAlone ? `library/own${number}` : `library/r${number % 5}`;
  const content = (round: number) => [
    `{"client":${number},"round":${round % 2}}`,
    'base',
    ...(round % 3 === 0 ? ['runtime'] : []),
    `layer-${round}`,
  ];
  return {
    async push(round: number): Promise<boolean> {
      const [config, ...layers] = content(round) as [string, ...string[]];
      await Promise.all(content(round).map((bytes) => pushBlob(admin, repository, bytes)));
      const pushed = await putManifest(
        admin,
        repository,
        `t${number}`,
        imageManifest({ config, layers }),
      );
      if (pushed.statusCode !== 201) assert.match(pushed.body, /MANIFEST_BLOB_UNKNOWN/);
      return pushed.statusCode === 201;
    },
    async verify(round: number): Promise<void> {
      must(await admin.get(`/v2/${repository}/manifests/t${number}`), 200);
      for (const bytes of content(round)) {
        const pulled = await admin.get(`/v2/${repository}/blobs/${digestOf(bytes)}`);
        assert.deepEqual([pulled.statusCode, pulled.body], [200, bytes]);
      }
    },
    /** Deletes the image, or the repository with it, and answers the deletion. */
    async remove(round: number): Promise<string> {
      const [config, ...layers] = content(round) as [string, ...string[]];
      const digest = digestOf(imageManifest({ config, layers }));
      if (isAlone) {
        const path = repository.replace('/', '/repositories/');
        must(await admin.delete(`/api/v2.0/projects/${path}`), 200);
      } else {
        must(await admin.delete(`/v2/${repository}/manifests/${digest}`), 202);
      }
      const name = isAlone ? repository : `${repository}@${digest}`;
      const listed = must(await admin.get(`${TRASH}?page_size=100&name=${name}`), 200);
      const found = listed.json<{ id: string; name: string }[]>();
      return found.find((deletion) => deletion.name === name)!.id;
    },
    restore: async (id: string) => (await admin.post(`${TRASH}/${id}/restore`)).statusCode,
    giveUp: async (id: string) => (await admin.delete(`${TRASH}/${id}`)).statusCode,
  };
}

async function start(t: TestContext) {
  return startApp(t, {
    config: ({ gc }) => Object.assign(gc, { grace_seconds: 0, hold_seconds: 0 }),
  });
}

test('what is pushed or restored is whole, while others delete, restore, purge and collect what they share', async (t) => {
  const app = await start(t);
  const { gone, stop } = purgeAndCollect(app);
  const outcomes = { pushed: 0, refused: 0, restored: 0, lost: 0 };
  const hasHappened = () =>
    [outcomes.pushed, outcomes.restored, outcomes.lost, gone.manifests, gone.blobs].every(
      (count) => count > 0,
    );
  // On a slow machine the collector is quicker than nearly every push.
  const until = performance.now() + 60_000;

  const live = async (number: number) => {
    const own = client(app, number);
    for (let round = 0; round < ROUNDS || (!hasHappened() && performance.now() < until); round++) {
      if (!(await own.push(round))) {
        outcomes.refused += 1;
        continue;
      }
      outcomes.pushed += 1;
      await own.verify(round);
      const id = await own.remove(round);
      const [restored, givenUp] = await Promise.all([
        (round + number) % 3 === 0 ? 404 : own.restore(id),
        (round + number) % 3 === 1 ? 404 : own.giveUp(id),
      ]);
      assert.deepEqual([restored, givenUp].toSorted(), restored === 200 ? [200, 404] : [202, 404]);
      outcomes[restored === 200 ? 'restored' : 'lost'] += 1;
      if (restored === 200) await own.verify(round);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, number) => live(number)));
  await stop();

  assert.ok(hasHappened(), JSON.stringify({ ...outcomes, ...gone }));
  const { rows } = await sql<{ location: string }>`
    select distinct b.location from manifest_blob mb join blob b on b.id = mb.blob_id`.execute(
    app.platform.db,
  );
  for (const { location } of rows) await app.platform.storage.readWhole(location);
  t.diagnostic(JSON.stringify({ ...outcomes, ...gone }));
});
