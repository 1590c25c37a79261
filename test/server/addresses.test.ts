import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { networkInterfaces } from 'node:os';
import { test, type TestContext } from 'node:test';

import pg from 'pg';

import { createDatabase } from '../harness/database.ts';
import {
  authorization,
  databaseUrl,
  onEnd,
  signIn,
  startServer,
  waitFor,
  type Server,
} from './support/program.ts';

const hasIpv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === '::1'),
);

async function start(t: TestContext, env: Record<string, string>) {
  onEnd(t, () => {});
  const address = await createDatabase(t);
  const server = await startServer(t, { env: { DATABASE_URL: databaseUrl(address), ...env } });
  return { server, address };
}

/** The challenge of a request that came through a proxy, or pretends to. */
async function challengeFor({ port }: Server, headers: Record<string, string>): Promise<string> {
  const request = http.get({ host: '127.0.0.1', port, path: '/v2/', headers, agent: false });
  const [reply] = await once(request, 'response');
  reply.resume();
  return reply.headers['www-authenticate'];
}

function requestLines(server: Server): { address: string; status: number }[] {
  return server
    .stdout()
    .split('\n')
    .filter((line) => line.includes('"request answered"'))
    .map((line) => JSON.parse(line) as { address: string; status: number });
}

test(
  '`::` serves IPv4 and IPv6, and an IPv4 address is written plainly everywhere',
  { skip: hasIpv6 ? false : 'no IPv6 on this machine' },
  async (t) => {
    const { server, address } = await start(t, { ROADSTEAD_HOST: '::' });

    assert.equal(await signIn(`http://127.0.0.1:${server.port}`, 'Wr0ngWr0ng'), 401);
    assert.equal(await signIn(`http://[::1]:${server.port}`, 'Wr0ngWr0ng'), 401);

    await waitFor(() => requestLines(server).length === 2);
    const seen = requestLines(server).map((line) => line.address);
    assert.deepEqual(seen.toSorted(), ['127.0.0.1', '::1']);
    const client = new pg.Client(address);
    await client.connect();
    const { rows } = await client.query<{ subject: string }>('select subject from sign_in_failure');
    await client.end();
    const subjects = rows.map(({ subject }) => subject);
    assert.ok(subjects.includes('account:admin@127.0.0.1'), subjects.join(' '));
    assert.ok(!subjects.some((subject) => subject.includes('ffff')));
  },
);

const FORWARDED = {
  'x-forwarded-for': '203.0.113.9, ::ffff:198.51.100.7',
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'registry.example.com',
};

test('a trusted proxy names the client, the host and the scheme', async (t) => {
  const host = hasIpv6 ? '::' : '127.0.0.1';
  const { server } = await start(t, {
    ROADSTEAD_HOST: host,
    ROADSTEAD_TRUSTED_PROXIES: '127.0.0.0/8,::1',
  });

  const realm = await challengeFor(server, FORWARDED);

  assert.match(realm, /^Bearer realm="https:\/\/registry\.example\.com\/service\/token"/);
  await waitFor(() => requestLines(server).length === 1);
  assert.equal(requestLines(server)[0]!.address, '198.51.100.7');
});

test('whoever is not a trusted proxy is believed nothing', async (t) => {
  for (const env of [{}, { ROADSTEAD_TRUSTED_PROXIES: '10.0.0.0/8' }]) {
    const { server } = await start(t, env);

    const realm = await challengeFor(server, { ...FORWARDED, host: 'mine.example.com:5000' });

    assert.match(realm, /^Bearer realm="http:\/\/mine\.example\.com:5000\/service\/token"/);
    await waitFor(() => requestLines(server).length === 1);
    assert.equal(requestLines(server)[0]!.address, '127.0.0.1');
  }
});

test('a hostile Host header does not get into the challenge', async (t) => {
  const { server } = await start(t, { ROADSTEAD_TRUSTED_PROXIES: '127.0.0.1' });

  for (const value of ['a",realm="http://evil', 'a b', 'evil/x', 'evil@x']) {
    const realm = await challengeFor(server, { 'x-forwarded-host': value });
    assert.match(realm, /^Bearer realm="http:\/\/localhost\/service\/token",service=/);
  }
  const scheme = await challengeFor(server, { 'x-forwarded-proto': 'https://evil/?' });
  assert.match(scheme, /^Bearer realm="https?:\/\/127\.0\.0\.1:\d+\/service\/token",service=/);
  assert.equal((await fetch(`${server.url}/v2/`, { headers: authorization('x') })).status, 401);
});
