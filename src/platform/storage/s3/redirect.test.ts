import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test, type TestContext } from 'node:test';

import { ADMIN_PASSWORD, startApp } from '../../../../test/harness.ts';
import { basic } from '../../../../test/harness/client.ts';
import { pushBlob } from '../../../../test/harness/registry.ts';
import { needsS3, shareS3 } from '../../../../test/harness/s3.ts';
import type { ConfigValues } from '../../config/index.ts';

const APP = 'library/app';
const store = shareS3();

async function begin(t: TestContext, changes: Partial<ConfigValues['s3']>) {
  const s3 = await (await store()).makeBucket(changes);
  const app = await startApp(t, {
    config: (values) => {
      values.s3 = s3;
    },
  });
  const url = await app.listen();
  const bytes = randomBytes(200_000);
  const digest = await pushBlob(app.as('admin'), APP, bytes);
  const small = await pushBlob(app.as('admin'), APP, '{}');
  const ask = (method: string, which = digest, headers: Record<string, string> = {}) =>
    fetch(`${url}/v2/${APP}/blobs/${which}`, {
      method,
      redirect: 'manual',
      headers: { authorization: basic('admin', ADMIN_PASSWORD), ...headers },
    });
  return { app, ask, bytes, digest, small };
}

test(
  'a large blob is fetched from the store by a signed URL; only GET is sent there',
  needsS3,
  async (t) => {
    const { app, ask, bytes, small } = await begin(t, { redirect: true });

    const reply = await ask('GET');
    const location = reply.headers.get('location')!;
    const whole = await fetch(location);
    const part = await fetch(location, { headers: { range: 'bytes=5-9' } });
    const head = await ask('HEAD');
    const known = await ask('GET', small);

    assert.equal(reply.status, 307);
    assert.equal(reply.headers.get('cache-control'), 'no-store');
    assert.ok(Buffer.from(await whole.arrayBuffer()).equals(bytes));
    assert.equal(part.status, 206);
    assert.ok(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(5, 10)));
    assert.deepEqual([head.status, head.headers.get('content-length')], [200, '200000']);
    assert.deepEqual([known.status, await known.text()], [200, '{}']);
    const redirects = await app.platform.metrics.blobRedirects.get();
    assert.equal(redirects.values[0]!.value, 1);
  },
);

test('a signed URL is for one object and for a time', needsS3, async (t) => {
  const { ask } = await begin(t, { redirect: true, redirect_seconds: 77 });

  const url = new URL((await ask('GET')).headers.get('location')!);

  assert.equal(url.searchParams.get('X-Amz-Expires'), '77');
  assert.ok(!url.href.includes('secret'));
  assert.equal((await fetch(url, { method: 'PUT', body: 'x' })).status, 403);
  url.pathname = url.pathname.replace(/.$/, (last) => (last === '0' ? '1' : '0')); // another object
  assert.equal((await fetch(url)).status, 403);
});

test(
  'only clients in the networks are sent to the store, at its address for clients',
  needsS3,
  async (t) => {
    const changes = { redirect: true, redirect_endpoint: 'https://s3.example.com' };
    const near = await begin(t, { ...changes, redirect_networks: ['127.0.0.0/8'] });
    const far = await begin(t, { ...changes, redirect_networks: ['10.0.0.0/8', '2001:db8::/32'] });

    const sent = await near.ask('GET');
    const handed = await far.ask('GET');

    assert.equal(sent.status, 307);
    assert.match(sent.headers.get('location')!, /^https:\/\/s3\.example\.com\/bucket-/);
    assert.equal(handed.status, 200);
    assert.ok(Buffer.from(await handed.arrayBuffer()).equals(far.bytes));
  },
);

test('without the switch all bytes come through the server', needsS3, async (t) => {
  const { ask, bytes } = await begin(t, {});

  const whole = await ask('GET');
  const parts = await ask('GET', undefined, { range: 'bytes=0-9' });

  assert.equal(whole.status, 200);
  assert.ok(Buffer.from(await whole.arrayBuffer()).equals(bytes));
  assert.ok(Buffer.from(await parts.arrayBuffer()).equals(bytes.subarray(0, 10)));
});
