import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Refusal } from '../lib/errors.ts';
import {
  digestAlgorithm,
  digestFromBytes,
  digestOf,
  digestToBytes,
  parseDigest,
  parseDigestAlgorithm,
  referrersTag,
} from './digest.ts';

const HEX_64 = '0123456789abcdef'.repeat(4);
const HEX_128 = HEX_64 + HEX_64;

test('a canonical sha256 or sha512 digest is taken as it is', () => {
  for (const text of [`sha256:${HEX_64}`, `sha512:${HEX_128}`]) {
    assert.equal(parseDigest(text), text);
    assert.equal(`${digestAlgorithm(parseDigest(text))}:`, text.slice(0, 7));
  }
});

test('anything else is refused with what is wrong', () => {
  const rows: [text: string, says: RegExp][] = [
    ['', /must read sha256:<hex>/],
    ['latest', /must read sha256:<hex>/],
    [HEX_64, /must read sha256:<hex>/],
    [':', /must read sha256:<hex>/],
    ['sha256:', /has 64 hex digits, this has 0/],
    ['sha256:baddigeststring', /has 64 hex digits, this has 15/],
    [`sha256:${HEX_64}0`, /this has 65/],
    [`sha256:${HEX_128}`, /this has 128/],
    [`sha512:${HEX_64}`, /has 128 hex digits, this has 64/],
    [`sha256:${HEX_64.toUpperCase()}`, /lower case/],
    [`sha256:${'g'.repeat(64)}`, /only the digits/],
    [`sha256:${HEX_64.slice(1)}\n`, /only the digits/],
    [`sha256:${HEX_64}\n`, /this has 65/],
    [` sha256:${HEX_64}`, /must read/],
    [`SHA256:${HEX_64}`, /must read/],
    [`sha384:${'a'.repeat(96)}`, /"sha384" is not supported, use sha256 or sha512/],
    [`blake3:${HEX_64}`, /"blake3" is not supported/],
    [`md5:${'a'.repeat(32)}`, /"md5" is not supported/],
    [`constructor:${HEX_64}`, /"constructor" is not supported/],
    ['sha256:../../etc/passwd', /has 64 hex digits/],
    ['sha256:\u0000', /has 64 hex digits/],
    ['x'.repeat(100_000), /\(100000 characters\)/],
  ];
  for (const [text, says] of rows) {
    assert.throws(
      () => parseDigest(text),
      (error) => {
        assert.ok(error instanceof Refusal);
        assert.equal(error.code, 'DIGEST_INVALID');
        assert.match(error.message, says);
        assert.ok(error.message.length < 300 && !error.message.includes('\n'));
        return true;
      },
    );
  }
});

test('a digest survives its way through bytes', () => {
  for (const [algorithm, length] of [
    ['sha256', 33],
    ['sha512', 65],
  ] as const) {
    const digest = digestOf('content', algorithm);

    const bytes = digestToBytes(digest);

    assert.equal(bytes.length, length);
    assert.equal(digestFromBytes(bytes), digest);
    assert.equal(digestFromBytes(new Uint8Array(bytes)), digest);
  }
});

test('bytes that are no digest are a fault, not a refusal', () => {
  for (const bytes of [[], [1], [1, ...new Uint8Array(64)], [3, ...new Uint8Array(32)]]) {
    assert.throws(
      () => digestFromBytes(Uint8Array.from(bytes)),
      (error) => !(error instanceof Refusal),
    );
  }
});

test('the digest of nothing is the well-known one', () => {
  assert.equal(
    digestOf(Buffer.alloc(0)),
    'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  );
});

test('only sha256 and sha512 are algorithms', () => {
  assert.equal(parseDigestAlgorithm('sha512'), 'sha512');
  for (const text of ['', 'SHA256', 'sha1', 'sha384', 'toString']) {
    assert.throws(() => parseDigestAlgorithm(text), { code: 'DIGEST_INVALID' });
  }
});

test('a referrers tag holds the first 64 digits of its subject', () => {
  const sha256 = parseDigest(`sha256:${HEX_64}`);
  const sha512 = parseDigest(`sha512:${HEX_128}`);

  assert.equal(referrersTag(sha256), `sha256-${HEX_64}`);
  assert.equal(referrersTag(sha512), `sha512-${HEX_64}`);
});
