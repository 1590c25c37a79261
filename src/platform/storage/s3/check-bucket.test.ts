import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startFaultyLine } from '../../../../test/harness/faulty-line.ts';
import { needsS3, SECRET_KEY, shareS3 } from '../../../../test/harness/s3.ts';
import { readConfig, toConfig, type ConfigValues } from '../../config/index.ts';
import { openS3Storage } from './s3-storage.ts';

const store = shareS3();

const prepare = (s3: ConfigValues['s3']) =>
  openS3Storage(toConfig({ ...readConfig({}), s3 }).s3).prepare();

const MISTAKES: [change: Partial<ConfigValues['s3']>, message: RegExp][] = [
  [{ bucket: 'no-such-bucket' }, /^s3: there is no bucket no-such-bucket at http.*s3\.bucket$/],
  [{ access_key_id: 'nobody' }, /^s3: .* cannot be used: \w+: No user exists with/],
  [{ secret_access_key: 'wrong' }, /^s3: .* refuses the credentials \(SignatureDoesNotMatch\)/],
  [
    { endpoint: 'http://127.0.0.1:1' },
    /^s3: the bucket .* cannot be used: .*ECONNREFUSED.*s3\.endpoint$/,
  ],
  [
    { region: 'eu-west-9' },
    /^s3: the bucket .* is not in the region eu-west-9; correct s3\.region/,
  ],
];

test('a mistake in the configuration is named when the server starts', needsS3, async () => {
  const right = await (await store()).makeBucket();
  await prepare(right);

  for (const [change, message] of MISTAKES) {
    await assert.rejects(prepare({ ...right, ...change }), (error: Error) => {
      assert.match(error.message, message);
      assert.ok(!error.message.includes(SECRET_KEY));
      return true;
    });
  }
});

const RIGHTS: [request: RegExp, right: string][] = [
  [/list-type=2/, 's3:ListBucket'],
  [/^PUT /, 's3:PutObject'],
  [/^GET .*GetObject/, 's3:GetObject'],
  [/^DELETE .*[^=]$/, 's3:DeleteObject'],
  [/^POST .*uploads/, 's3:PutObject'],
  [/^GET .*uploads/, 's3:ListBucketMultipartUploads'],
  [/^DELETE .*uploadId/, 's3:AbortMultipartUpload'],
];

test('a right that is missing is named when the server starts', needsS3, async (t) => {
  const server = await store();
  const line = await startFaultyLine(t, server.url);
  const s3 = await server.makeBucket({ endpoint: line.url });

  for (const [on, right] of RIGHTS) {
    line.faults.push({ on, times: 1, answer: { status: 403, code: 'AccessDenied' } });
    const message = `s3: the credentials have no right ${right} in the bucket ${s3.bucket}; grant it`;
    await assert.rejects(prepare(s3), { message });
  }
});

const REFUSALS: [code: string, message: RegExp][] = [
  ['RequestTimeTooSkewed', /the clock of this machine differs too much/],
  [
    'InvalidAccessKeyId',
    /refuses the credentials \(InvalidAccessKeyId\); correct s3\.access_key_id/,
  ],
  ['ExpiredToken', /refuses the credentials \(ExpiredToken\)/],
  ['PermanentRedirect', /is not in the region us-east-1; correct s3\.region/],
];

test('what a store refuses is said in words', needsS3, async (t) => {
  const server = await store();
  const line = await startFaultyLine(t, server.url);
  const s3 = await server.makeBucket({ endpoint: line.url });

  for (const [code, message] of REFUSALS) {
    line.faults.splice(0, 1, { on: /./, times: 9, answer: { status: 403, code } });
    await assert.rejects(prepare(s3), message);
  }
});
