import assert from 'node:assert/strict';
import { test } from 'node:test';

import { codesOf, pushBlob } from '../../../test/harness/registry.ts';
import { shareApp } from '../../../test/harness/share-app.ts';

const CONTENT = '0123456789abcdefghij';
const shared = shareApp();

async function pushContent() {
  const { as } = await shared();
  const digest = await pushBlob(as('admin'), 'library/app', CONTENT);
  const ask = (range: string, more = {}) =>
    as('admin').get(`/v2/library/app/blobs/${digest}`, { range, ...more });
  return { ask, digest };
}

test('a single range is 206 with exactly those bytes', async () => {
  const { ask, digest } = await pushContent();
  const rows: [range: string, contentRange: string, body: string][] = [
    ['bytes=0-4', 'bytes 0-4/20', '01234'],
    ['bytes=5-5', 'bytes 5-5/20', '5'],
    ['bytes=15-', 'bytes 15-19/20', 'fghij'],
    ['bytes=-5', 'bytes 15-19/20', 'fghij'],
    ['bytes=-99', 'bytes 0-19/20', CONTENT],
    ['bytes=18-99', 'bytes 18-19/20', 'ij'],
    ['bytes=0-4, 3-6', 'bytes 0-6/20', '0123456'],
  ];

  for (const [range, contentRange, body] of rows) {
    const part = await ask(range);

    assert.deepEqual([range, part.statusCode, part.body], [range, 206, body]);
    assert.equal(part.headers['content-range'], contentRange);
    assert.equal(part.headers['content-length'], String(body.length));
    assert.equal(part.headers['docker-content-digest'], digest);
  }
});

test('several ranges come as multipart/byteranges, in the order asked', async () => {
  const { ask } = await pushContent();

  const parts = await ask('bytes=10-12, 0-1, -2');

  assert.equal(parts.statusCode, 206);
  const [, boundary] = /^multipart\/byteranges; boundary=(.+)$/.exec(
    parts.headers['content-type'] as string,
  )!;
  const bodies = parts.body.split(`--${boundary}`).slice(1, -1);
  assert.deepEqual(
    bodies.map((part) => /^content-range: (.*)\r\n\r\n(.*)\r\n$/ims.exec(part)?.slice(1)),
    [
      ['bytes 10-12/20', 'abc'],
      ['bytes 0-1/20', '01'],
      ['bytes 18-19/20', 'ij'],
    ],
  );
  assert.ok(parts.body.endsWith(`\r\n--${boundary}--\r\n`));
  assert.equal(parts.headers['content-length'], String(parts.rawPayload.length));
});

test('a range beyond the end, or backwards, is 416 and tells the size', async () => {
  const { ask } = await pushContent();

  for (const range of ['bytes=20-', 'bytes=5-0', 'bytes=99-100', 'bytes=-0', 'bytes=20-, 30-40']) {
    const refused = await ask(range);

    assert.deepEqual([range, refused.statusCode], [range, 416]);
    assert.deepEqual(codesOf(refused), ['RANGE_INVALID']);
    assert.equal(refused.headers['content-range'], 'bytes */20');
  }
});

test('a range that nobody understands is ignored', async () => {
  const { ask } = await pushContent();

  for (const range of ['lines=0-4', 'bytes=a-b', 'bytes=', 'bytes', '0-4']) {
    const whole = await ask(range);

    assert.deepEqual([range, whole.statusCode, whole.body], [range, 200, CONTENT]);
  }
});

test('thousands of ranges cost no more than the blob', async () => {
  const { ask } = await pushContent();
  const list = (count: number) => `bytes=${Array.from({ length: count }, () => '0-19').join(',')}`;

  const merged = await ask(list(1000));
  const ignored = await ask(list(5000));

  assert.deepEqual([merged.statusCode, merged.body], [206, CONTENT]);
  assert.deepEqual([ignored.statusCode, ignored.body], [200, CONTENT]);
});

test('a range for something else is ignored: If-Range', async () => {
  const { ask, digest } = await pushContent();

  const same = await ask('bytes=0-4', { 'if-range': `"${digest}"` });
  const other = await ask('bytes=0-4', { 'if-range': '"something else"' });

  assert.deepEqual([same.statusCode, same.body], [206, '01234']);
  assert.deepEqual([other.statusCode, other.body], [200, CONTENT]);
});
