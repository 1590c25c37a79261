import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Refusal } from '../../src/lib/errors.ts';
import { parseStrictJson, StrictJsonError } from '../../src/lib/strict-json.ts';
import {
  digestFromBytes,
  digestOf,
  digestToBytes,
  parseDigest,
  parseDigestAlgorithm,
} from '../../src/oci/digest.ts';
import { matchesEtag, parseContentRange, parseRange } from '../../src/oci/http-range.ts';
import { parseManifest } from '../../src/oci/manifest.ts';
import { isMediaType, MANIFEST_MEDIA_TYPES, parseContentType } from '../../src/oci/media-type.ts';
import { parseReference, parseRepositoryName } from '../../src/oci/reference.ts';
import { randomOf } from './random.ts';

const ROUNDS = 20_000;
const HEX = 'a0'.repeat(32);
const DIGEST = digestOf('content');

/** What `call` gives, or undefined for a refusal that is a 4xx; any other error fails the test. */
function unlessRefused<T>(given: string, call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    const isFine = error instanceof Refusal && error.status >= 400 && error.status < 500;
    assert.ok(isFine, `${String(error)} for ${JSON.stringify(given)}`);
    assert.ok(error.message.length < 600, `a message of ${error.message.length} characters`);
    return undefined;
  }
}

test('hostile names, references and digests are refused or canonical', () => {
  const random = randomOf(1);
  const parts = ['a', 'Z', '0', '.', '_', '-', '/', ':', '@', '\0', '\n', '..', 'sha256', HEX, 'é'];
  for (let round = 0; round < ROUNDS; round++) {
    const seed = random.pick([`sha256:${HEX}`, `sha512:${HEX}${HEX}`, 'library/debian', 'v1.0']);
    const text = random.pick([random.text(parts, 12), random.spoil(seed)]);

    const name = unlessRefused(text, () => parseRepositoryName(text));
    const reference = unlessRefused(text, () => parseReference(text));
    const digest = unlessRefused(text, () => parseDigest(text));
    unlessRefused(text, () => parseDigestAlgorithm(text));

    if (name) assert.match(`${name.project}/${name.path}`, /^[a-z0-9._/-]{3,255}$/);
    if (reference?.tag !== undefined) assert.match(reference.tag, /^\w[\w.-]{0,127}$/);
    if (digest) assert.equal(digestFromBytes(digestToBytes(digest)), text);
  }
});

test('hostile ranges give positions inside the blob, in sum no more than the blob', () => {
  const random = randomOf(2);
  const parts = ['bytes=', '0', '7', '99', '-', ',', ' ', '9'.repeat(30), 'x', '/', '*'];
  for (let round = 0; round < ROUNDS; round++) {
    const sizeBytes = random.pick([0, 1, 10, 2048, 2 ** 40]);
    const header = random.pick(['bytes=', '']) + random.text(parts, 10);

    const answer = parseRange(header, sizeBytes);
    const chunk = unlessRefused(header, () => parseContentRange(header));
    matchesEtag(header, DIGEST);

    if (chunk) assert.ok(Number.isSafeInteger(chunk.end) && chunk.start <= chunk.end);
    if (answer.kind !== 'ranges') continue;
    let sum = 0;
    for (const { start, end } of answer.ranges) {
      assert.ok(0 <= start && start <= end && end < sizeBytes, header);
      sum += end - start + 1;
    }
    assert.ok(sum > 0 && sum <= sizeBytes, header);
  }
});

test('spoilt manifests are refused or well formed', () => {
  const random = randomOf(3);
  const listed = `{"mediaType":"${MANIFEST_MEDIA_TYPES[0]}","digest":"${DIGEST}","size":7}`;
  const whole = [
    `{"schemaVersion":2,"mediaType":"${MANIFEST_MEDIA_TYPES[0]}","config":${listed},"layers":[${listed}]}`,
    `{"schemaVersion":2,"mediaType":"${MANIFEST_MEDIA_TYPES[1]}","manifests":[${listed}],"subject":${listed}}`,
  ];
  const words = [
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"config"',
    '"manifests"',
    '2',
    'null',
    '"__proto__"',
  ];
  for (let round = 0; round < ROUNDS; round++) {
    const text = random.pick([random.spoil(random.pick(whole)), random.text(words, 12)]);
    const contentType = random.pick([undefined, 'application/json', ...MANIFEST_MEDIA_TYPES]);

    const manifest = unlessRefused(text, () => parseManifest(Buffer.from(text), contentType));

    if (!manifest) continue;
    assert.equal((manifest.config === undefined) === (manifest.kind === 'index'), true);
    for (const { digest, size } of [...manifest.requiredBlobs, ...manifest.children]) {
      assert.ok(parseDigest(digest) && size >= 0);
    }
  }
});

test('whatever JSON.parse takes, the strict reader takes alike or refuses; never more', () => {
  const random = randomOf(4);
  const words = ['{', '}', '[', ']', ',', ':', '"a"', '"b"', '"\\u0061"', '"\\', '1', 'true', ' '];
  for (let round = 0; round < ROUNDS; round++) {
    const text = random.pick([
      random.text(words, 10),
      random.spoil('{"a":[{"b":1,"c":"\\""},[]],"d":null}'),
    ]);
    try {
      const strict = parseStrictJson(Buffer.from(text));
      assert.deepEqual(strict, JSON.parse(text.toWellFormed()));
    } catch (error) {
      assert.ok(error instanceof StrictJsonError, `${String(error)} for ${text}`);
    }
  }
});

test('random bytes are no manifest and no media type', () => {
  const random = randomOf(5);
  for (let round = 0; round < 2000; round++) {
    const bytes = Uint8Array.from({ length: random.below(64) }, () => random.below(256));
    const text = Buffer.from(bytes).toString('latin1');

    assert.equal(
      unlessRefused(text, () => parseManifest(bytes, text)),
      undefined,
    );
    parseContentType(text);
    isMediaType(text);
  }
});

test('text made to be slow is as fast as any other of its length', () => {
  // A ratio to work of the same machine, not a limit in seconds: quadratic time would be 1000 times.
  const length = 4_000_000;
  const repeat = (part: string) => part.repeat(length / part.length);
  const plain = millisecondsOf(() => JSON.parse(`["${repeat('a,')}",${repeat('1,')}1]`));
  const calls: [name: string, call: () => unknown][] = [
    ...['a', 'a-', 'a/', '-', '_', 'a__', 'sha256:', ':', 'a+', '\n'].flatMap((part) => {
      const text = repeat(part);
      return [
        [`name ${part}`, () => parseRepositoryName(`${text}!`)],
        [`reference ${part}`, () => parseReference(`${text}!`)],
        [`digest ${part}`, () => parseDigest(`sha256:${text}`)],
        [`content type ${part}`, () => parseContentType(`a/${text}`)],
      ] as [string, () => unknown][];
    }),
    ...['0-,', ',', '-', '0', ' ', '1-2,', '*,', '"'].flatMap((part) => {
      const text = repeat(part);
      return [
        [`range ${part}`, () => parseRange(`bytes=${text}`, 1000)],
        [`content range ${part}`, () => parseContentRange(text)],
        [`etag ${part}`, () => matchesEtag(text, DIGEST)],
      ] as [string, () => unknown][];
    }),
    ...['[', '{"a":', '[],', '"\\', '\\', '"', '{"":0,', ' ', '"a":1,', '1,'].map(
      (part): [string, () => unknown] => {
        const bytes = Buffer.from(`{${repeat(part)}`);
        return [`json ${part}`, () => parseManifest(bytes, undefined)];
      },
    ),
    ['json keys', manyKeys((i) => `"${i.toString(36)}":1`)],
    ['json keys with escapes', manyKeys((i) => `"\\u0061${i}":1`)],
    ['json keys that look like ours', manyKeys((i) => `"${'x'.repeat(6)}${i % 10}${i}":1`)],
  ];
  for (const [name, call] of calls) {
    const took = millisecondsOf(() => unlessRefused(name, call));
    assert.ok(took < 20 * plain, `${name}: ${took} ms, plain JSON ${plain} ms`);
  }
});

function manyKeys(key: (index: number) => string): () => unknown {
  const keys = Array.from({ length: 100_000 }, (_, index) => key(index));
  const bytes = Buffer.from(`{"schemaVersion":2,${keys.join(',')}}`);
  return () => parseManifest(bytes, MANIFEST_MEDIA_TYPES[0]);
}

/** The best of three, as other work may be going on. */
function millisecondsOf(call: () => unknown): number {
  const times = [1, 2, 3].map(() => {
    const before = performance.now();
    call();
    return performance.now() - before;
  });
  return Math.min(...times);
}
