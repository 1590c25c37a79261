import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { sql } from 'kysely';

import { createDatabase, open } from '../../../test/harness/database.ts';
import { createLog } from '../log/index.ts';
import { Recorder } from './recorder.ts';
import type { Occurrence } from './store.ts';

interface Row {
  type: string;
  subject: Record<string, string>;
  after: Record<string, unknown> | null;
  actor: string;
  result: string | null;
}

async function start(t: TestContext) {
  const db = open(await createDatabase(t));
  t.after(() => db.destroy());
  const platform = { db, log: createLog({ level: 'silent' }) };
  return {
    platform,
    recorder: new Recorder(platform),
    async readOutbox(): Promise<Row[]> {
      const { rows } = await sql<Row>`
        select type, subject, after, actor, result from event_outbox order by id`.execute(db);
      return rows;
    },
  };
}

const pull = (tag: string): Occurrence => ({
  type: 'artifact.pulled',
  subject: { repository: 'team/app', tag },
  after: { digest: 'sha256:1' },
  actor: 'ann',
  client: '192.0.2.7 docker/28',
});

const wrong = (user: string): Occurrence => ({
  type: 'user.signed_in',
  subject: { user },
  actor: user,
  client: '192.0.2.7',
  result: 'UNAUTHORIZED',
});

test('equal pulls of one second are one event with their number, others one each', async (t) => {
  const { recorder, readOutbox } = await start(t);

  for (const tag of ['v1', 'v2', 'v1', 'v1']) recorder.record(pull(tag));
  await Promise.all([recorder.flush(), recorder.flush()]);
  recorder.record(pull('v1'));
  await recorder.flush();
  await recorder.flush();

  const rows = await readOutbox();
  assert.deepEqual(
    rows.map(({ subject, after }) => ({ tag: subject.tag, ...after })),
    [
      { tag: 'v1', digest: 'sha256:1', count: 3 },
      { tag: 'v2', digest: 'sha256:1' },
      { tag: 'v1', digest: 'sha256:1' },
    ],
  );
});

test('a wrong password is told at once, its like are counted, and the end tells their number', async (t) => {
  const { recorder, readOutbox } = await start(t);

  for (let times = 0; times < 5; times++) {
    recorder.record(wrong('ann'));
    await recorder.flush();
  }
  const before = await readOutbox();
  await recorder.stop();

  assert.deepEqual(
    before.map(({ after }) => after),
    [null],
  );
  assert.deepEqual(
    (await readOutbox()).map(({ after }) => after),
    [null, { count: 4 }],
  );
});

test('a flood of names fills nothing: those above the limit are one event', async (t) => {
  const { recorder, readOutbox } = await start(t);

  for (let number = 0; number < 5000; number++) {
    recorder.record(wrong(`user${number}`));
    if (number % 1000 === 999) await recorder.flush();
  }
  await recorder.stop();

  const rows = await readOutbox();
  assert.equal(rows.filter(({ actor }) => actor !== 'system:others').length, 50);
  const others = rows.filter(({ actor }) => actor === 'system:others');
  assert.equal(others.length, 2);
  assert.equal(
    others.reduce((sum, { after }) => sum + Number(after?.count), 0),
    4950,
  );
});

test('a name that the database can not keep does not stop the rest', async (t) => {
  const { recorder, readOutbox } = await start(t);

  for (const name of ['a\0b', 'c\ud800', '\\u0000', '"\\']) recorder.record(wrong(name));
  await recorder.flush();

  assert.deepEqual(
    (await readOutbox()).map(({ actor }) => actor),
    ['ab', 'c\ufffd', '\\u0000', '"\\'],
  );
});

test('what can not be written now is written later', async (t) => {
  const { platform, recorder, readOutbox } = await start(t);
  const { db } = platform;
  const nowhere = open({ host: '/nowhere', port: 5432, user: 'nobody', database: 'nothing' });
  t.after(() => nowhere.destroy());

  platform.db = nowhere;
  recorder.record(pull('v1'));
  await recorder.flush();
  platform.db = db;
  recorder.record(pull('v1'));
  await recorder.flush();

  assert.deepEqual(
    (await readOutbox()).map(({ after }) => after?.count),
    [2],
  );
});

test('a name that looks like that of all others takes nobody the place', async (t) => {
  const { recorder, readOutbox } = await start(t);
  for (let number = 0; number < 50; number++) {
    recorder.record({ ...wrong('system:others'), client: `192.0.2.7 ${number}` });
  }
  await recorder.stop();
  await recorder.stop(); // the second time nothing of them is left

  recorder.record(wrong('eve'));
  await recorder.flush();

  assert.equal((await readOutbox()).at(-1)!.actor, 'eve');
});
