import assert from 'node:assert/strict';
import { test } from 'node:test';

import { bearer } from '../../test/harness/tokens.ts';
import { startApp } from '../../test/harness.ts';

test('the labels of the figures do not grow with what clients send', async (t) => {
  const { app, as } = await startApp(t);
  const requests = async () => {
    const { body } = await as('anonymous').get('/metrics');
    return body.split('\n').filter((line) => line.startsWith('roadstead_http_requests_total{'));
  };
  for (let index = 0; index < 20; index += 1) {
    await as('anonymous').get(`/v2/library/app${index}/tags/list`);
    await as('anonymous').get(`/nowhere/${index}`);
    await as('anonymous').get(`/api/v2.0/projects/project${index}?x=${index}`);
    await app.inject({ method: 'SEARCH', url: `/v2/${index}` });
  }

  const lines = await requests();

  assert.ok(lines.length < 10, lines.join('\n'));
  assert.doesNotMatch(lines.join('\n'), /app1|nowhere|project1/);
});

test('the figures have the form of Prometheus', async (t) => {
  const { as } = await startApp(t);

  const reply = await as('anonymous').get('/metrics');

  assert.equal(reply.statusCode, 200);
  assert.match(String(reply.headers['content-type']), /^text\/plain; version=0\.0\.4/);
  assert.match(reply.body, /^# TYPE roadstead_http_requests_total counter$/m);
});

test('with a token the figures are for who has it', async (t) => {
  const { as } = await startApp(t, {
    config: (values) => {
      values.metrics.token = 'a token for figures';
    },
  });
  const status = async (headers: Record<string, string>, who = 'anonymous') =>
    (await as(who).get('/metrics', headers)).statusCode;

  assert.equal(await status(bearer('a token for figures')), 200);
  assert.equal(await status(bearer('a token for figurez')), 401);
  assert.equal(await status(bearer('a')), 401);
  assert.equal(await status(bearer('')), 401);
  assert.equal(await status({}), 401);
  assert.equal(await status({}, 'admin'), 401);
});
