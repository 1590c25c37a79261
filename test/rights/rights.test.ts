import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, test } from 'node:test';

import { sql } from 'kysely';

import { basic } from '../harness/client.ts';
import { pushImage } from '../harness/registry.ts';
import { createRobot, grant } from '../harness/robots.ts';
import { shareApp } from '../harness/share-app.ts';
import type { TestApp } from '../harness.ts';
import { makeCallers, PROJECTS, type Callers, type Project } from './callers.ts';
import { listQuestions, makeRequest, type Question, type Somewhere } from './requests.ts';
import { listRoutes } from './routes.ts';
import { formatTable, type Row } from './table.ts';

// There is a certificate to download, so that it is not 404 for everybody.
const share = shareApp({ config: (values) => (values.tls.ca_file = import.meta.filename) });
let app: TestApp;
let callers: Callers;
let questions: Question[];

before(async () => {
  app = await share();
  callers = await makeCallers(app);
  for (const project of PROJECTS) await pushImage(app.as('admin'), `${project}/app`, 'latest');
  questions = [];
  for (const route of listRoutes(app.app)) {
    const asked = listQuestions(route);
    if ((await send(asked[0]!, 'admin')).statusCode !== 405) questions.push(...asked);
  }
});

async function send(question: Question, caller: string, project: Somewhere = 'private') {
  const request = await makeRequest(app, question, project);
  const authorization = callers[caller]!(project === 'public' ? 'public' : 'private');
  const headers = { ...request.headers, ...(authorization && { authorization }) };
  return app.app.inject({ ...request, headers });
}

/** What each caller is told: `+`, as the administrator, or how they are refused. */
async function judge(question: Question, project: Project): Promise<string[]> {
  const { statusCode: passing } = await send(question, 'admin', project);
  const { name } = question;
  assert.ok(![401, 403].includes(passing), `${name}: ${passing}`);
  const outsiders = await send(question, 'outsider', 'private');
  assert.ok(
    passing !== 404 || outsiders.statusCode !== 404,
    `${name}: 404 for everybody says nothing; give it an id that is there, in requests.ts`,
  );
  return Promise.all(
    Object.keys(callers).map(async (caller) => {
      const { statusCode, body } = await send(question, caller, project);
      assert.ok(statusCode < 500, `${caller}: ${name} ${body}`);
      const isRefused = [401, 403, 404, 412].includes(statusCode) && statusCode !== passing;
      return isRefused ? String(statusCode) : '+';
    }),
  );
}

test('everybody may do what table.txt says (npm run rights writes it), and nothing else', async (t) => {
  const rows: Row[] = [];
  for (const question of questions) {
    const inPrivate = await judge(question, 'private');
    const inPublic = question.isAboutProject ? await judge(question, 'public') : inPrivate;
    const cells = inPrivate.map((cell, index) =>
      cell === inPublic[index] ? cell : `${cell}/${inPublic[index]}`,
    );
    rows.push({ request: question.name, cells });
  }

  t.assert.fileSnapshot(
    formatTable(Object.keys(callers), rows),
    join(import.meta.dirname, 'table.txt'),
    { serializers: [(text: unknown) => text as string] },
  );
});

test('a private project and one that is not there are refused alike', async () => {
  for (const question of questions.filter(({ isAboutProject }) => isAboutProject)) {
    for (const caller of ['anonymous', 'outsider']) {
      const [there, missing] = await Promise.all(
        (['private', 'nowhere'] as const).map((project) => send(question, caller, project)),
      );

      const what = `${caller}: ${question.name}`;
      assert.equal(there!.statusCode, missing!.statusCode, what);
      assert.equal(withoutIds(there!.body), withoutIds(missing!.body), what);
    }
  }
});

/** Reads the Authorization header itself: it is no account's. */
const OWN_CREDENTIALS = ['GET /metrics', 'HEAD /metrics'];

test('who may not sign in is refused whatever they ask, also where anybody may come in', async () => {
  const [disabled, expired] = await Promise.all(
    ['disabled', 'expired'].map((name) =>
      createRobot(app, {
        name,
        permissions: [grant('*', 'project:read'), grant('/', 'user:list')],
      }),
    ),
  );
  await sql`update robot set is_disabled = (id = ${disabled!.id}), expires_at = now()
    where id in (${disabled!.id}, ${expired!.id})`.execute(app.platform.db);

  for (const question of questions.filter(({ name }) => !OWN_CREDENTIALS.includes(name))) {
    for (const { name, secret } of [disabled!, expired!]) {
      const { headers, ...request } = await makeRequest(app, question, 'private');
      const authorization = basic(name, secret);
      const reply = await app.app.inject({ ...request, headers: { ...headers, authorization } });

      assert.equal(reply.statusCode, 401, `${name}: ${question.name}`);
    }
  }
});

const withoutIds = (body: string) =>
  body.replaceAll(/private|nowhere|[\da-f]{8}-[\da-f-]{27}|\b\d+\b/g, 'ID');
