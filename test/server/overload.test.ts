import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { pushImage } from './support/content.ts';
import {
  ADMIN_PASSWORD,
  authorization,
  findChildren,
  startWithDatabase,
} from './support/program.ts';

const headers = authorization(ADMIN_PASSWORD);

interface Reply {
  status: number | undefined;
  retryAfter: string | undefined;
}

/** A request over a connection of its own, which any worker may get. */
const ask = (url: string) =>
  new Promise<Reply>((resolve, reject) => {
    request(url, { headers, agent: false }, (reply) => {
      reply.resume().on('end', () => {
        resolve({ status: reply.statusCode, retryAfter: reply.headers['retry-after'] });
      });
    })
      .on('error', reject)
      .end();
  });

test('a limit is one of the node, whichever of its workers is asked', async (t) => {
  const server = await startWithDatabase(t, {
    env: {
      ROADSTEAD_ADMIN_PASSWORD: ADMIN_PASSWORD,
      ROADSTEAD_WORKERS: '2',
      ROADSTEAD_RATE_LIMITS_USER_REQUESTS_PER_SECOND: '1',
      ROADSTEAD_RATE_LIMITS_BURST_SECONDS: '30',
    },
  });
  const begin = performance.now();
  const replies: Reply[] = [];

  for (let wave = 0; wave < 30; wave += 1) {
    replies.push(...(await Promise.all([1, 2, 3, 4].map(() => ask(`${server.url}/v2/`)))));
    await sleep(30);
  }

  const passed = replies.filter(({ status }) => status === 200).length;
  const refused = replies.filter(({ status }) => status === 429);
  const seconds = (performance.now() - begin) / 1000;
  assert.equal(passed + refused.length, replies.length);
  assert.ok(passed >= 30 && passed < 31 + seconds + 20, `${passed} passed in ${seconds} s`);
  assert.ok(refused.every(({ retryAfter }) => /^\d+$/.test(retryAfter ?? '')));
});

test('a flood above what may wait is answered with 503, and no worker ends', async (t) => {
  const server = await startWithDatabase(t, {
    env: {
      ROADSTEAD_ADMIN_PASSWORD: ADMIN_PASSWORD,
      ROADSTEAD_DATABASE_POOL_SIZE: '1',
      ROADSTEAD_OVERLOAD_WAITING_QUERIES: '1',
      ROADSTEAD_OVERLOAD_WAITING_LOOKUPS: '5',
    },
  });
  await pushImage(server.url, 'latest');
  const workers = findChildren(server.pid, 'worker');
  const tags = `${server.url}/v2/library/app/tags/list`;

  const replies = await Promise.all(Array.from({ length: 500 }, () => ask(tags)));

  const refused = replies.filter(({ status }) => status === 503);
  assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([200, 503]));
  assert.ok(refused.every(({ retryAfter }) => retryAfter === '2'));
  assert.equal((await ask(tags)).status, 200);
  assert.deepEqual(findChildren(server.pid, 'worker'), workers);
  const lines = server
    .stdout()
    .split('\n')
    .filter((line) => line.includes('"request refused"'));
  assert.ok(lines.length < 20, `${lines.length} lines for ${refused.length} refusals`);
});
