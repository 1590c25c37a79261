/** `npm run bench:api`: what lists and look-ups of the API cost when everything is there, against a thousandth of it. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { CALLS, type Call } from './api/calls.ts';
import { fill, FULL, isFilled, THOUSANDTH, type Sizes } from './api/fill.ts';
import { countStatements, logNoStatements, logStatements } from './api/statements.ts';
import { Connection } from './load/connection.ts';
import { describeMachine } from './machine.ts';
import { median } from './measure.ts';
import { startUs } from './peers/us.ts';
import { openDatabase } from './peers/us-seed.ts';
import { waitForQuiet } from './quiet.ts';

const MOST_TIMES = 1.5;
const MOST_STATEMENTS = 3;
const MEMBER = { username: 'member', password: 'Bench-Bench-2' };
/** Requests of each server before it is the other one's turn. */
const REQUESTS = 10;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    part: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    patience: { type: 'string', default: '20' },
    keep: { type: 'boolean', default: false },
    folder: { type: 'string', default: join(import.meta.dirname, '../.cache/bench') },
    output: { type: 'string', default: join(import.meta.dirname, 'results-api.md') },
  },
});

interface Server {
  sizes: Sizes;
  data: string;
  connection: Connection;
  database: Awaited<ReturnType<typeof openDatabase>>;
  authorize: (call: Call) => string;
  stop: () => Promise<void>;
}

/** What is kept is used again. */
const folder = join(values.folder, values.keep ? 'api' : `api-${process.pid}`);
const servers: Server[] = [];
try {
  servers.push(await start('all', shrink(FULL, Number(values.part))));
  servers.push(await start('thousandth', THOUSANDTH));
  const lines = await measureAll(servers[0]!, servers[1]!);
  if (values.only === '' && values.part === '1') writeFileSync(values.output, report(lines));
} finally {
  for (const server of servers) await server.stop();
  if (!values.keep) rmSync(folder, { recursive: true, force: true });
}

/** So that one may try it without waiting. */
function shrink(sizes: Sizes, part: number): Sizes {
  return {
    ...sizes,
    projects: Math.ceil(sizes.projects * part),
    users: Math.ceil(sizes.users * part),
    events: Math.ceil(sizes.events * part),
  };
}

async function start(name: string, sizes: Sizes): Promise<Server> {
  const place = join(folder, name);
  mkdirSync(place, { recursive: true });
  const us = await startUs({ folder: place });
  const data = join(place, 'data');
  const database = await openDatabase(data);
  const basic = ({ username, password }: typeof MEMBER) =>
    `Basic ${btoa(`${username}:${password}`)}`;
  if (!(await isFilled(database, sizes))) {
    await makeMember(us.port, basic(us.account));
    const begin = performance.now();
    await fill(database, sizes, MEMBER.username);
    console.log(`${name}: filled in ${Math.round((performance.now() - begin) / 1000)} s`);
  }
  const connection = await Connection.open(us.port);
  return {
    sizes,
    data,
    connection,
    database,
    authorize: ({ asMember }) => basic(asMember === true ? MEMBER : us.account),
    async stop() {
      connection.close();
      await database.end();
      await us.stop();
    },
  };
}

async function makeMember(port: number, authorization: string): Promise<void> {
  const reply = await fetch(`http://127.0.0.1:${port}/api/v2.0/users`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ ...MEMBER, email: 'member@example.com', realname: 'member' }),
  });
  if (reply.status !== 201) throw new Error(`no user: ${reply.status} ${await reply.text()}`);
}

async function ask(server: Server, call: Call): Promise<number> {
  const path = call.path(server.sizes);
  const begin = performance.now();
  await server.connection.expect(200, 'GET', path.startsWith('/v2/') ? path : `/api/v2.0${path}`, {
    authorization: server.authorize(call),
  });
  return performance.now() - begin;
}

async function measureAll(all: Server, thousandth: Server): Promise<string[]> {
  console.log(describeMachine());
  const lines: string[] = [];
  for (const call of CALLS.filter(({ title }) => title.includes(values.only))) {
    const line = await measure(call, all, thousandth).catch((cause: Error) => {
      process.exitCode = 1;
      return `| ${call.title} | failed: ${cause.message} |`;
    });
    console.log(line);
    lines.push(line);
  }
  return lines;
}

async function measure(call: Call, all: Server, thousandth: Server): Promise<string> {
  const times = new Map<Server, number[]>([
    [all, []],
    [thousandth, []],
  ]);
  await waitForQuiet(Number(values.patience));
  for (let round = -1; round < Number(values.rounds); round += 1) {
    for (const [server, measured] of times) {
      for (let n = 0; n < REQUESTS; n += 1) {
        const ms = await ask(server, call);
        if (round >= 0) measured.push(ms); // the first ones fill the caches
      }
    }
  }
  const statements = await countLeast(all, call);
  return describe(call, median(times.get(all)!), median(times.get(thousandth)!), statements);
}

/** The least of some tries: the server does other things too, once in a while. */
async function countLeast(server: Server, call: Call): Promise<number> {
  await logStatements(server.database);
  let least = Infinity;
  for (let tries = 0; tries < 5; tries += 1) {
    const mark = (text: string) => server.database.query(text);
    const count = await countStatements(server.data, mark, () => ask(server, call));
    least = Math.min(least, count);
  }
  await logNoStatements(server.database);
  return least;
}

function describe({ title }: Call, all: number, thousandth: number, statements: number): string {
  const times = all / thousandth;
  const isGood = times <= MOST_TIMES && statements <= MOST_STATEMENTS;
  const cells = [
    title,
    `${thousandth.toFixed(1)}`,
    `${all.toFixed(1)}`,
    `${times.toFixed(2)}×`,
    statements,
    isGood ? '✓' : '✗',
  ];
  return `| ${cells.join(' | ')} |`;
}

function report(lines: string[]): string {
  const { projects, repositories, artifacts, tags, users, events } = FULL;
  return `# Results of the API

Written by \`npm run bench:api\`; [README.md](README.md) says what is measured and how to read it.

- ${new Date().toISOString().slice(0, 10)}; ${describeMachine()}
- ${projects} projects × ${repositories} repositories × ${artifacts} artifacts × ${tags} tags, ${users} users, ${events} entries in the audit log, against a thousandth
- milliseconds, medians; each at most ${MOST_TIMES}×, and at most ${MOST_STATEMENTS} SQL statements

| | a thousandth | all | | statements | |
| --- | --: | --: | --: | --: | --- |
${lines.join('\n')}
`;
}
