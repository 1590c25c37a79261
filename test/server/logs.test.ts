import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';

import { beginDownload, pushBlob } from './support/content.ts';
import {
  ADMIN_PASSWORD,
  authorization,
  startWithDatabase,
  waitFor,
  type Server,
} from './support/program.ts';

interface Line {
  level: string;
  time: string;
  msg: string;
  reqId?: string;
  path?: string;
  status?: number;
  client?: string;
}

function readLines(server: Server): Line[] {
  const lines = server.stdout().split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Line);
}

const answered = (server: Server) =>
  readLines(server).filter(({ msg }) => msg === 'request answered');

async function sendRaw({ port }: Server, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.end(Buffer.from(text, 'latin1'));
  const chunks = (await socket.toArray()) as Buffer[];
  return Buffer.concat(chunks).toString('latin1');
}

test('no secret is in a log: passwords, tokens, refresh tokens', async (t) => {
  const metricsToken = 'metrics-token-secret';
  const server = await startWithDatabase(t, {
    env: { ROADSTEAD_METRICS_TOKEN: metricsToken, ROADSTEAD_LOG_LEVEL: 'trace' },
  });
  const scope = 'service=harbor-registry&scope=repository:library/app:pull,push';
  const form = (fields: Record<string, string>) =>
    fetch(`${server.url}/service/token`, { method: 'POST', body: new URLSearchParams(fields) });

  const wrong = 'Wr0ngPassw0rd';
  const password = { grant_type: 'password', username: 'admin', client_id: 'me' };
  const signedIn = await form({ ...password, password: ADMIN_PASSWORD, access_type: 'offline' });
  const { token, refresh_token: refresh } = (await signedIn.json()) as Record<string, string>;
  const bearer = { authorization: `Bearer ${token}` };
  const statuses = [
    signedIn,
    await fetch(`${server.url}/v2/`, { headers: bearer }),
    await fetch(`${server.url}/service/token?${scope}`, {
      headers: authorization(ADMIN_PASSWORD),
    }),
    await form({ ...password, password: wrong }),
    await fetch(`${server.url}/v2/`, { headers: authorization(wrong) }),
    await form({ grant_type: 'refresh_token', client_id: 'me', refresh_token: refresh! }),
    await form({ grant_type: 'refresh_token', client_id: 'me', refresh_token: 'refresh-guess' }),
    await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${metricsToken}` } }),
    await fetch(`${server.url}/metrics`, { headers: { authorization: 'Bearer metrics-guess' } }),
  ].map(({ status }) => status);
  assert.deepEqual(statuses, [200, 200, 200, 401, 401, 200, 401, 200, 401]);
  const created = await fetch(`${server.url}/api/v2.0/users`, {
    method: 'POST',
    headers: { ...authorization(ADMIN_PASSWORD), 'content-type': 'application/json' },
    body: JSON.stringify({
      username: 'ann',
      email: 'a@b.c',
      realname: 'A',
      password: 'Us3rS3cret',
    }),
  });
  assert.equal(created.status, 201);

  await waitFor(() => answered(server).length === 10);
  const secrets = [ADMIN_PASSWORD, wrong, token!, refresh!, metricsToken, 'Us3rS3cret'];
  const encoded = secrets.map((secret) => btoa(`admin:${secret}`));
  for (const secret of [...secrets, ...encoded, 'refresh-guess', 'metrics-guess']) {
    assert.ok(!server.output().includes(secret), secret);
  }
});

test('every line is JSON on one line, with a request id, whatever a client sends', async (t) => {
  const server = await startWithDatabase(t, { env: { ROADSTEAD_WORKERS: '2' } });
  const hostile = '{"level":"fatal"}\\n\x85\xe2\x80\xa8"';
  const long = 'u'.repeat(20_000);
  const head = 'GET /v2/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n';

  await sendRaw(server, `${head}User-Agent: ${hostile}\r\n\r\n`);
  await sendRaw(server, `${head}User-Agent: a\nlevel: x\r\n\r\n`);
  await sendRaw(server, `GET /v2/\x01\x7f HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  const bad = await sendRaw(
    server,
    `GET /v2/%zz/%0a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
  );
  await Promise.all(
    Array.from({ length: 40 }, () =>
      fetch(`${server.url}/${long.slice(0, 7000)}`, { headers: { 'user-agent': long } }),
    ),
  );
  const mine = await fetch(`${server.url}/v2/`, { headers: { 'x-request-id': 'abc-123' } });
  const forged = await fetch(`${server.url}/v2/`, { headers: { 'x-request-id': 'a"b\tc' } });

  assert.equal(mine.headers.get('x-request-id'), 'abc-123');
  assert.match(forged.headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/);
  assert.match(bad, /^HTTP\/1\.1 400 [^]*x-request-id: [^]*BAD_REQUEST/i);
  await waitFor(() => answered(server).length >= 44);
  for (const line of server.stdout().split('\n')) assert.ok(Buffer.byteLength(line) < 4096);
  for (const { reqId, time } of answered(server)) {
    assert.ok(reqId !== undefined && reqId !== '');
    assert.ok(!Number.isNaN(Date.parse(time)));
  }
  assert.ok(answered(server).some(({ client }) => client?.includes('{"level":"fatal"}')));
  assert.ok(answered(server).some(({ path, status }) => path === '/v2/%zz/%0a' && status === 400));
  assert.ok(readLines(server).every(({ level }) => ['info', 'warn'].includes(level)));
});

test('a failed sign-in, and a download that the client breaks off, have their lines, too', async (t) => {
  const server = await startWithDatabase(t);
  const digest = await pushBlob(server.url, 32 * 1024 * 1024);
  await fetch(`${server.url}/v2/`, { headers: authorization('Wr0ngWr0ng') });
  const { request } = await beginDownload(server.url, digest);

  request.destroy();
  await once(request, 'close');

  await waitFor(() => answered(server).length === 3);
  assert.deepEqual(
    answered(server)
      .map(({ status }) => status)
      .toSorted(),
    [201, 401, 499],
  );
  const { text } = await fetch(`${server.url}/metrics`).then(async (reply) => ({
    text: await reply.text(),
  }));
  assert.match(text, /^roadstead_http_requests_running 1$/m, 'only the one that asks');
});
