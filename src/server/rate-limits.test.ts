import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';

import { basic } from '../../test/harness/client.ts';
import { pushBlob } from '../../test/harness/registry.ts';
import { bearer, fetchToken } from '../../test/harness/tokens.ts';
import { ADMIN_PASSWORD, startApp, type TestApp } from '../../test/harness.ts';
import { clock } from '../lib/clock.ts';
import type { ConfigValues } from '../platform/config/index.ts';
import { createRateLimits, type Spending } from './rate-limits.ts';

type Limits = Partial<ConfigValues['rate_limits']>;

/** A registry with these limits, in which no time passes. */
function startLimited(t: TestContext, limits: Limits, trusted: string[] = []): Promise<TestApp> {
  const now = performance.now();
  t.mock.method(performance, 'now', () => now);
  return startApp(t, {
    config: (values) => {
      Object.assign(values.rate_limits, { burst_seconds: 1, ...limits });
      values.trusted_proxies = trusted;
    },
  });
}

interface Sender {
  address?: string;
  authorization?: string;
  forwarded?: string;
}

const ask = ({ app }: TestApp, url: string, { address, authorization, forwarded }: Sender = {}) =>
  app.inject({
    url,
    remoteAddress: address ?? '192.0.2.1',
    headers: {
      ...(authorization === undefined ? {} : { authorization }),
      ...(forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }),
    },
  });

/** The statuses of requests one after another. */
async function askTimes(app: TestApp, times: number, url: string, sender?: Sender) {
  const statuses: number[] = [];
  for (let index = 0; index < times; index += 1) {
    statuses.push((await ask(app, url, sender)).statusCode);
  }
  return statuses;
}

const PING = '/api/v2.0/ping';
const admin = { authorization: basic('admin', ADMIN_PASSWORD) };

test('nothing is limited unless it is configured', async (t) => {
  const app = await startApp(t);

  const statuses = await askTimes(app, 200, PING);

  assert.equal(createRateLimits(app.platform), undefined);
  assert.deepEqual([...new Set(statuses)], [200]);
});

test('an address has as many requests as it may, and others are not concerned', async (t) => {
  const app = await startLimited(t, { address_requests_per_second: 1, burst_seconds: 9 });

  const statuses = await askTimes(app, 12, PING);
  const api = await ask(app, PING);
  const registry = await ask(app, '/v2/');
  const other = await ask(app, PING, { address: '192.0.2.2' });

  assert.deepEqual(statuses, [...Array<number>(10).fill(200), 429, 429]);
  assert.equal(other.statusCode, 200);
  assert.deepEqual([api.statusCode, registry.statusCode], [429, 429]);
  assert.equal(api.json().errors[0].code, 'TOO_MANY_REQUEST');
  assert.equal(registry.json().errors[0].code, 'TOOMANYREQUESTS');
  assert.match(registry.json().errors[0].message, /address_requests_per_second.*again in 1 s/);
  assert.equal(registry.headers['retry-after'], '1');
});

test('the limit of an address is asked before the password is looked at', async (t) => {
  const app = await startLimited(t, { address_requests_per_second: 1 });
  await askTimes(app, 2, PING);

  const reply = await ask(app, '/v2/', { authorization: basic('admin', 'Wr0ngPassword') });

  assert.equal(reply.statusCode, 429);
});

test('an IPv6 network counts as one address; a proxy that is trusted says whose request it is', async (t) => {
  const app = await startLimited(t, { address_requests_per_second: 1 }, ['192.0.2.9']);
  const through = (address: string, forwarded: string) =>
    askTimes(app, 2, PING, { address, forwarded });

  assert.deepEqual(await askTimes(app, 2, PING, { address: '2001:db8::1' }), [200, 200]);
  assert.deepEqual(await askTimes(app, 1, PING, { address: '2001:db8::2' }), [429]);
  assert.deepEqual(await through('192.0.2.9', '198.51.100.1'), [200, 200]);
  assert.deepEqual(await through('192.0.2.9', '198.51.100.1'), [429, 429]);
  assert.deepEqual(await through('192.0.2.9', '198.51.100.2'), [200, 200]);
  assert.deepEqual(await through('192.0.2.8', '198.51.100.3'), [200, 200]);
  assert.deepEqual(await through('192.0.2.8', '198.51.100.4'), [429, 429], 'not trusted');
});

test('a user has as many requests as they may from all addresses, by password and by token', async (t) => {
  const app = await startLimited(t, { user_requests_per_second: 1, burst_seconds: 3 });
  await app.createUser('ann');
  const token = await fetchToken(app, 'admin');
  const by = async (sender: Sender) => (await ask(app, '/v2/', sender)).statusCode;
  const statuses = [];
  for (let index = 0; index < 4; index += 1) {
    statuses.push(await by({ ...admin, address: `192.0.2.${index}` }));
  }

  assert.equal(statuses.at(-1), 429);
  assert.equal(await by(bearer(token)), 429);
  assert.equal(await by({ authorization: basic('ann', 'Passw0rdPassw0rd') }), 200);
  assert.equal((await ask(app, PING)).statusCode, 200, 'nobody in particular');
});

test('bytes count in both directions, and what was too much is waited for', async (t) => {
  for (const by of ['address', 'user'] as const) {
    const app = await startLimited(t, { [`${by}_bytes_per_second`]: 10_000, burst_seconds: 10 });
    const digest = await pushBlob(app.as('admin'), 'library/app', Buffer.alloc(90_000));
    const url = `/v2/library/app/blobs/${digest}`;
    const sender = { ...admin, address: '127.0.0.1' };

    const pulled = await ask(app, url, sender);
    const refused = await ask(app, url, sender);

    assert.deepEqual([pulled.statusCode, refused.statusCode], [200, 429], by);
    assert.match(refused.json().errors[0].message, new RegExp(`${by}_bytes_per_second`));
    assert.match(
      String(refused.headers['retry-after']),
      /^[4-8]$/,
      '90 kB each way, 100 kB at once',
    );
  }
});

test('workers tell each other what they let through', async (t) => {
  const { platform } = await startLimited(t, {});
  const config = { rate_limits: { ...platform.config.rate_limits, user_requests_per_second: 1 } };
  const reports: Spending[] = [];
  const caller = {
    user: { id: 7, username: 'ann', isSysadmin: false, passwordChangedAt: clock.now() },
  };
  const request = { caller } as never;
  const one = createRateLimits({ ...platform, config, report: (spent) => reports.push(spent) })!;
  const two = createRateLimits({ ...platform, config })!;

  one.admitUser(request);
  one.admitUser(request);
  await setTimeout(150);
  two.add(reports[0]!);

  assert.deepEqual(reports, [{ 'user requests user:7': 2 }]);
  assert.throws(() => two.admitUser(request), /too many requests for this user/);
});
