import assert from 'node:assert/strict';
import { test } from 'node:test';

import { collectGarbage } from '../../src/features/garbage-collection/index.ts';
import { periodicJobs } from '../../src/server/jobs.ts';
import { basic } from '../harness/client.ts';
import { pushImage } from '../harness/registry.ts';
import { ADMIN_PASSWORD, startApp } from '../harness.ts';
import { makeCallers, PROJECTS } from '../rights/callers.ts';
import { listQuestions, makeRequest } from '../rights/requests.ts';
import { listRoutes } from '../rights/routes.ts';
import { startTraffic } from '../traffic/index.ts';

/** Whoever took a second connection while it holds the first would wait for itself. */
const one = { pool_size: 1 };

test('every route answers with one connection to the database, many at once', async (t) => {
  const app = await startApp(t, { config: ({ database }) => Object.assign(database, one) });
  await makeCallers(app); // and what they call for
  for (const project of PROJECTS) await pushImage(app.as('admin'), `${project}/app`, 'latest');

  for (const route of listRoutes(app.app)) {
    const replies = await Promise.all(
      [...listQuestions(route), ...listQuestions(route)].map(async (question) => {
        const request = await makeRequest(app, question, 'private');
        const authorization = basic('admin', ADMIN_PASSWORD);
        return app.app.inject({ ...request, headers: { ...request.headers, authorization } });
      }),
    );

    for (const { statusCode, body } of replies) {
      assert.ok(
        statusCode < 500 && statusCode !== 401,
        `${route.method} ${route.path}: ${statusCode} ${body}`,
      );
    }
  }
});

test('clients, the collector and all jobs share one connection to the database', async (t) => {
  const app = await startApp(t, {
    config: ({ database, gc, trash }) => {
      Object.assign(database, one);
      Object.assign(gc, { grace_seconds: 1, hold_seconds: 0 });
      Object.assign(trash, { days: 14 });
    },
  });
  const traffic = startTraffic({
    url: await app.listen(),
    headers: { authorization: basic('admin', ADMIN_PASSWORD) },
    customers: 6,
    project: 'library',
    seed: 1,
    isCollectedAtOnce: true,
  });
  const { signal } = new AbortController();

  while (traffic.progress() < 300) {
    await collectGarbage(app.platform, signal);
    await Promise.all(periodicJobs.map((job) => job.run(app.platform, signal)));
  }
  await traffic.stop();
  await traffic.check();

  t.diagnostic(JSON.stringify(traffic.done()));
  // Whoever waits for itself makes all the others wait in vain, too.
  assert.ok(traffic.lost() < 3, `${traffic.lost()} requests were not answered`);
  assert.deepEqual(traffic.complaints(), []);
});
