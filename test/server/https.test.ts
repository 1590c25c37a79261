import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import http2, { type ClientHttp2Session, type OutgoingHttpHeaders } from 'node:http2';
import https from 'node:https';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connect, type ConnectionOptions } from 'node:tls';

import { makeCertificate, writePair } from './support/certificate.ts';
import { digestOf } from './support/content.ts';
import {
  ADMIN_PASSWORD,
  authorization,
  onEnd,
  runToEnd,
  serverEnvironment,
  startWithDatabase,
  temporaryFolder,
  waitFor,
} from './support/program.ts';

const admin = authorization(ADMIN_PASSWORD);

/** Certificate files, and the environment that names them. */
function prepare(t: TestContext, name: string) {
  const folder = temporaryFolder(t);
  const files = { certificate: join(folder, 'tls.crt'), key: join(folder, 'tls.key') };
  writePair(makeCertificate(name), files);
  const env = {
    ROADSTEAD_TLS_CERTIFICATE_FILE: files.certificate,
    ROADSTEAD_TLS_KEY_FILE: files.key,
  };
  return { files, env };
}

/** The name in the certificate that a new connection gets. */
async function seenName(port: number, options: ConnectionOptions = {}): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
  await once(socket, 'secureConnect');
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

interface Answer {
  status: number;
  body: Buffer;
}

async function request1(url: string, agent: https.Agent): Promise<Answer> {
  const [reply] = await once(https.get(url, { agent, headers: admin }), 'response');
  return { status: reply.statusCode, body: Buffer.concat(await reply.toArray()) };
}

async function request2(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: Buffer,
): Promise<Answer> {
  const stream = session.request({ ...admin, ...headers }, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  const [answer] = await once(stream, 'response');
  return { status: answer[':status'], body: Buffer.concat(await stream.toArray()) };
}

test('a renewed certificate is used without a restart, a broken pair is reported and not used', async (t) => {
  const { files, env } = prepare(t, 'first');
  const server = await startWithDatabase(t, { env });
  assert.match(server.url, /^https:/);
  assert.equal(await seenName(server.port), 'first');
  await assert.rejects(seenName(server.port, { maxVersion: 'TLSv1.1', minVersion: 'TLSv1' }));
  assert.equal(await seenName(server.port, { maxVersion: 'TLSv1.2' }), 'first');
  const agent = new https.Agent({ keepAlive: true, rejectUnauthorized: false });
  onEnd(t, () => agent.destroy());
  assert.equal((await request1(`${server.url}/v2/`, agent)).status, 200);

  writePair({ ...makeCertificate('broken'), key: makeCertificate('other').key }, files);
  await waitFor(() => server.stdout().includes('"certificate not reloaded"'));
  assert.equal(await seenName(server.port), 'first');
  writePair(makeCertificate('second'), files);
  await waitFor(async () => (await seenName(server.port)) === 'second');

  assert.match(server.stdout(), /"certificate reloaded"/);
  assert.equal(server.stdout().match(/"certificate not reloaded"/g)!.length, 1);
  assert.equal((await request1(`${server.url}/v2/`, agent)).status, 200, 'the old connection');
  assert.doesNotMatch(server.output(), /PRIVATE KEY/);
});

test('a key of another certificate, or a file that is none, is named at the start', async (t) => {
  const { files, env } = prepare(t, 'first');
  const data = join(temporaryFolder(t), 'data');
  const start = () => runToEnd(t, ['server'], { env: serverEnvironment(data, env) });

  writeFileSync(files.key, makeCertificate('other').key);
  const other = await start();
  writeFileSync(files.certificate, 'no certificate');
  const none = await start();

  for (const { code, stderr } of [other, none]) {
    assert.equal(code, 1);
    assert.match(stderr, /^configuration: tls: \S+tls\.crt and \S+tls\.key are not a certificate/);
    assert.doesNotMatch(stderr, /\n {4}at /);
  }
});

test('HTTP/2 pushes and pulls a blob, HTTP/1.1 beside it, and neither holds up the end', async (t) => {
  const { env } = prepare(t, 'both');
  const server = await startWithDatabase(t, { env: { ...env, ROADSTEAD_TLS_HTTP2: 'true' } });
  const session = http2.connect(server.url, { rejectUnauthorized: false });
  onEnd(t, () => session.destroy());
  const blob = randomBytes(5_000_000);
  const path = '/v2/library/app/blobs';
  const agent = new https.Agent({ keepAlive: true, rejectUnauthorized: false });
  onEnd(t, () => agent.destroy());

  const begun = await request2(session, { ':method': 'POST', ':path': `${path}/uploads/` });
  const pushed = await request2(
    session,
    {
      ':method': 'POST',
      ':path': `${path}/uploads/?digest=${digestOf(blob)}`,
      'content-type': 'application/octet-stream',
    },
    blob,
  );
  const pulled = await request2(session, { ':path': `${path}/${digestOf(blob)}` });
  const beside = await request1(`${server.url}${path}/${digestOf(blob)}`, agent);
  const odd = await request2(session, { ':method': 'BREW', ':path': '/v2/' });

  assert.deepEqual([begun.status, pushed.status, pulled.status], [202, 201, 200]);
  assert.ok(blob.equals(pulled.body));
  assert.ok(blob.equals(beside.body));
  assert.ok(odd.status >= 400 && odd.status < 500, String(odd.status));
  const metrics = await request2(session, { ':path': '/metrics' });
  assert.doesNotMatch(metrics.body.toString(), /BREW/);

  const begin = performance.now();
  server.signal('SIGTERM');
  assert.equal((await server.ended).code, 0);
  assert.ok(performance.now() - begin < 20_000);
});

test('an upload over HTTP/2 that stands still is given up', async (t) => {
  const { env } = prepare(t, 'still');
  const idle = { ROADSTEAD_TLS_HTTP2: 'true', ROADSTEAD_LIMITS_IDLE_BODY_MS: '1000' };
  const server = await startWithDatabase(t, { env: { ...env, ...idle } });
  const session = http2.connect(server.url, { rejectUnauthorized: false });
  onEnd(t, () => session.destroy());
  const path = `/v2/library/app/blobs/uploads/?digest=${digestOf(Buffer.from('x'))}`;
  const stream = session.request({ ...admin, ':method': 'POST', ':path': path });
  stream.on('error', () => {});
  stream.write('half');

  const begin = performance.now();
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  stream.once('close', resolve);
  await closed;

  assert.ok(performance.now() - begin < 20_000);
  assert.equal((await request2(session, { ':path': '/v2/' })).status, 200);
});
