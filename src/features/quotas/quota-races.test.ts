import assert from 'node:assert/strict';
import { test } from 'node:test';

import { sql } from 'kysely';

import { startApp } from '../../../test/harness.ts';
import { open } from '../../../test/harness/database.ts';
import {
  digestOf,
  imageManifest,
  must,
  pushBlob,
  putManifest,
} from '../../../test/harness/registry.ts';
import type { Db } from '../../platform/db/connect.ts';
import { collectGarbage } from '../garbage-collection/index.ts';
import { trashPurge } from '../trash/index.ts';
import { listDrifts } from './index.ts';
import { limitProject } from './store.ts';

const ROUNDS = Number(process.env.ROADSTEAD_TEST_ROUNDS ?? 1);
const forever = new AbortController().signal;
const upTo = (most: number) => Math.floor(Math.random() * most) + 1;

interface Usage {
  used: number;
  room: number | null;
  shares: number;
}

async function findUsage(db: Db): Promise<Usage> {
  const { rows } = await sql<Usage>`
    select sum(bytes)::bigint as used, sum(room)::bigint as room, count(*) as shares
    from project_usage where project_id = 1`.execute(db);
  return rows[0]!;
}

const isExcess = (error: unknown) => (error as { code?: string }).code === 'RS001';

test('whatever is added, taken and limited at once, the usage is the sum and no limit is passed', async (t) => {
  const { address } = await startApp(t);
  const clients = 16;
  const db = open(address, clients + 2);
  t.after(() => db.destroy());
  const outcomes = { charged: 0, refused: 0, undone: 0, refunded: 0 };
  let committed = 0;

  /** Holds what it was given for a while, as a commit does that waits for the disk. */
  const charge = async (bytes: number, isUndone: boolean) => {
    await db
      .transaction()
      .execute(async (tx) => {
        await sql`select charge_project(1, ${bytes})`.execute(tx);
        await sql`select pg_sleep(${Math.random() / 100})`.execute(tx);
        if (isUndone) throw new Error('undone');
      })
      .then(() => {
        committed += bytes;
        outcomes.charged += 1;
      })
      .catch((error) => {
        if (!isExcess(error) && !isUndone) throw error;
        outcomes[isExcess(error) ? 'refused' : 'undone'] += 1;
      });
  };
  const refund = async () => {
    const bytes = Math.min(upTo(3000), committed);
    committed -= bytes;
    await sql`select refund_project(1, ${bytes})`.execute(db);
    outcomes.refunded += 1;
  };
  const ending = new AbortController();
  const push = async () => {
    for (let n = 0; n < 60 * ROUNDS; n++) {
      if (Math.random() < 0.2) await refund();
      else await charge(upTo(1000), Math.random() < 0.1);
    }
  };
  const limit = async () => {
    while (!ending.signal.aborted) {
      const hard = Math.random() < 0.1 ? null : upTo(40_000);
      await db.transaction().execute((tx) => limitProject(tx, 1, hard));
      const { used: first } = await findUsage(db);
      for (let n = 0; n < 5; n++) {
        const { used, room } = await findUsage(db);
        assert.equal(room, hard === null ? null : hard - used);
        if (hard !== null) assert.ok(used <= Math.max(hard, first), `${used} of ${hard}, ${first}`);
      }
    }
  };
  const pushing = Promise.all(Array.from({ length: clients }, push)).finally(() => ending.abort());
  await Promise.all([pushing, limit()]);

  const { used, shares } = await findUsage(db);
  assert.equal(used, committed);
  assert.ok(
    Object.values(outcomes).every((number) => number > 0),
    JSON.stringify(outcomes),
  );
  assert.ok(shares > 1, 'nobody met anybody');
});

test('room that was given to other shares in advance is had back before anything is refused', async (t) => {
  const { platform } = await startApp(t);
  const { db } = platform;
  await db.transaction().execute((tx) => limitProject(tx, 1, 10_000));
  await sql`update project_usage set room = 4000 where project_id = 1`.execute(db);
  await sql`insert into project_usage (project_id, share, room) values (1, 1, 3000), (1, 2, 3000)`.execute(
    db,
  );
  const charge = (bytes: number) => sql`select charge_project(1, ${bytes})`.execute(db);

  await charge(9_999);
  const after = await findUsage(db);
  await charge(1);

  assert.equal(after.used, 9_999);
  assert.equal(after.room, 1);
  await assert.rejects(charge(1), isExcess);
});

test('while images are pushed, mounted, deleted, restored and purged at once, usage stays the sum of the rows', async (t) => {
  const app = await startApp(t, {
    config: ({ gc, manifests }) => {
      Object.assign(gc, { grace_seconds: 0, hold_seconds: 0 });
      manifests.allow_missing_blobs = true;
    },
  });
  const { db } = app.platform;
  const admin = app.as('admin');
  await app.createProject('team');
  const { project_id } = (await admin.get('/api/v2.0/projects/team')).json();
  const outcomes: Record<string, number> = {};
  const count = (what: string) => (outcomes[what] = (outcomes[what] ?? 0) + 1);
  const ending = new AbortController();

  const live = async (number: number) => {
    for (let round = 0; round < 6 * ROUNDS; round++) {
      const [project, other] = number % 2 === 0 ? ['team', 'library'] : ['library', 'team'];
      const repository = `${project}/r${number % 3}`;
      const layers = ['base'.repeat(50), `layer-${(number + round) % 4}`.repeat(30)];
      const config = `{"n":${number}}`;
      const bytes = imageManifest({ config, layers });
      // Some blobs come after their manifest, some are mounted, some don't come at all.
      await pushBlob(admin, repository, config).catch((refused: Error) =>
        count(`config ${refused.message.slice(0, 3)}`),
      );
      const pushed = await putManifest(admin, repository, `t${number}`, bytes);
      count(`pushed ${pushed.statusCode}`);
      for (const layer of layers) {
        const from = `${other}/r${upTo(3) - 1}`;
        const url = `/v2/${repository}/blobs/uploads/?mount=${digestOf(layer)}&from=${from}`;
        const mounted = await admin.post(url);
        if (mounted.statusCode === 202) {
          const put = await admin.put(
            `${mounted.headers.location}?digest=${digestOf(layer)}`,
            layer,
          );
          count(`blob ${put.statusCode}`);
        } else count(`mounted ${mounted.statusCode}`);
      }
      if (round % 2 === 0) continue;
      await admin.delete(`/v2/${repository}/manifests/${digestOf(bytes)}`);
      const { id } = (await admin.get('/api/v2.0/trash?page_size=1')).json()[0] ?? {};
      if (id === undefined) continue;
      const path = `/api/v2.0/trash/${id}`;
      const reply =
        number % 3 === 0 ? await admin.delete(path) : await admin.post(`${path}/restore`, {});
      count(`trash ${reply.statusCode}`);
    }
  };
  const beside = async (work: () => Promise<unknown>) => {
    while (!ending.signal.aborted) await work();
  };
  const living = Promise.all(Array.from({ length: 12 }, (_, number) => live(number)));
  await Promise.all([
    living.finally(() => ending.abort()),
    beside(async () => {
      await trashPurge.run(app.platform, forever);
      await collectGarbage(app.platform, forever);
    }),
    beside(async () => {
      const storage = Math.random() < 0.2 ? -1 : 1000 + upTo(6000);
      must(await admin.put(`/api/v2.0/quotas/${project_id}`, { hard: { storage } }), 200);
    }),
    beside(async () => assert.deepEqual(await listDrifts(db), [])),
  ]);

  assert.deepEqual(await listDrifts(db), [], JSON.stringify(outcomes));
  assert.ok(outcomes['pushed 201']! > 0, JSON.stringify(outcomes));
  const faults = Object.keys(outcomes).filter((what) => what.includes(' 5'));
  assert.deepEqual(faults, []);
});
