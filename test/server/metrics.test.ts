import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

import {
  ADMIN_PASSWORD,
  authorization,
  startWithDatabase,
  waitFor,
  type Server,
} from './support/program.ts';

async function scrape({ url }: Server): Promise<string> {
  const reply = await fetch(`${url}/metrics`);
  const text = await reply.text();
  assert.equal(reply.status, 200, text);
  assert.match(reply.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  return text;
}

/** The sum of a metric over the series whose labels match. */
function sum(text: string, name: string, labels = ''): number {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) && line.includes(labels))
    .reduce((total, line) => total + Number(line.split(' ').at(-1)), 0);
}

/** Our own series: those of the garbage collector appear when it runs. */
const seriesOf = (text: string) => text.match(/^roadstead_\w+(\{[^}]*\})?/gm)!.toSorted();

type Init = { method?: string; headers?: Record<string, string> };

/** On a connection of its own, so that all workers get some. */
const ask = ({ url }: Server, path: string, init: Init = {}) =>
  fetch(url + path, { ...init, headers: { connection: 'close', ...init.headers } });

test('the figures are those of all workers, and promtool likes them', async (t) => {
  const server = await startWithDatabase(t, { env: { ROADSTEAD_WORKERS: '2' } });
  for (let i = 0; i < 10; i += 1) {
    await Promise.all(Array.from({ length: 5 }, () => ask(server, '/api/v2.0/ping')));
  }

  const pings = () =>
    scrape(server).then((text) => sum(text, 'roadstead_http_requests_total', '/api/v2.0/ping"'));
  await waitFor(async () => (await pings()) >= 50);
  const text = await scrape(server);

  assert.equal(await pings(), 50);
  assert.equal(sum(text, 'roadstead_http_request_duration_seconds_count', 'ping"'), 50);
  assert.match(text, /^process_resident_memory_bytes \d+/m);
  const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
  if (checked.error === undefined) assert.equal(checked.status, 0, checked.stderr);
  else t.diagnostic('promtool is not installed: not checked by it');
});

test('names, unknown URLs and methods make no new series', async (t) => {
  const server = await startWithDatabase(t);
  const headers = authorization(ADMIN_PASSWORD);
  const several = async (word: string) => {
    await ask(server, `/v2/library/${word}/tags/list`, { headers });
    await ask(server, `/v2/library/${word}/manifests/${word}`, { headers });
    await ask(server, `/api/v2.0/projects/${word}`, { headers });
    await ask(server, `/${word}/${word}?${word}=${word}`);
    await ask(server, `/v2/${word}%2f`, { headers, method: 'PURGE' });
    await ask(server, '/v2/', { method: 'OPTIONS' });
  };
  await several('first');
  await scrape(server); // its own series
  const before = seriesOf(await scrape(server));

  for (let i = 0; i < 100; i += 1) await several(`name-${i}`);
  const text = await scrape(server);

  assert.equal(seriesOf(text).join('\n'), before.join('\n'));
  assert.doesNotMatch(text, /name-\d|PURGE/);
});
