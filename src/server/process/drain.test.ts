import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type IncomingHttpHeaders } from 'node:http2';
import { test } from 'node:test';

import { basic } from '../../../test/harness/client.ts';
import { ADMIN_PASSWORD, startApp } from '../../../test/harness.ts';
import { beginUpload, digestOf } from '../../../test/harness/registry.ts';
import { makeCertificate } from '../../../test/server/support/certificate.ts';
import { drain } from './drain.ts';

test('over HTTP/2 the client is told to open no stream any more, and those that run finish', async (t) => {
  const { certificate: cert, key } = makeCertificate('drained');
  const { app, as, platform, listen } = await startApp(t, { tls: { cert, key, http2: true } });
  const url = await listen();
  const upload = await beginUpload(as('admin'), 'library/app');
  const session = connect(url, { rejectUnauthorized: false });
  t.after(() => session.destroy());
  const stream = session.request({
    ':method': 'PUT',
    ':path': `${upload}?digest=${digestOf('a layer')}`,
    authorization: basic('admin', ADMIN_PASSWORD),
  });
  stream.write('a ');
  await once(session, 'remoteSettings');

  const drained = drain(app, 60_000, platform.log);
  await once(session, 'goaway');
  stream.end('layer');
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  stream.resume();
  await drained;

  assert.equal(headers[':status'], 201);
  assert.ok(session.closed);
});
