import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from './digest.ts';
import { matchesEtag, parseContentRange, parseRange } from './http-range.ts';

const SIZE = 2048;

test('ranges of a blob of 2048 bytes', () => {
  const rows: [header: string, ranges: string][] = [
    ['bytes=0-0', '0-0'],
    ['bytes=500-1499', '500-1499'],
    ['bytes=500-', '500-2047'],
    ['bytes=0-', '0-2047'],
    ['bytes=-500', '1548-2047'],
    ['bytes=-99999', '0-2047'],
    ['bytes=2000-5000', '2000-2047'],
    ['bytes=0-99999999999999999999999999', '0-2047'],
    ['Bytes=1-2', '1-2'],
    ['bytes=0-1, 4-5', '0-1 4-5'],
    ['bytes=4-5,0-1', '4-5 0-1'],
    ['bytes=0-1,2-3', '0-1 2-3'],
    ['bytes=,0-1 ,\t, 4-5,', '0-1 4-5'],
    ['bytes=0-1,9999-', '0-1'],
    ['bytes=0-100,50-150', '0-150'],
    ['bytes=500-600,0-10,550-700', '0-10 500-700'],
    ['bytes=0-,0-,0-', '0-2047'],
    ['bytes=500-0', '416'],
    ['bytes=0-1,5-4', '416'],
    ['bytes=2048-', '416'],
    ['bytes=5000-10000', '416'],
    ['bytes=-0', '416'],
    ['', 'whole'],
    ['bytes', 'whole'],
    ['bytes=', 'whole'],
    ['bytes=-', 'whole'],
    ['bytes=,', 'whole'],
    ['bytes=a-b', 'whole'],
    ['bytes=0-1-2', 'whole'],
    ['bytes=0-1;2-3', 'whole'],
    ['bytes=0x1-2', 'whole'],
    ['bytes=+1-2', 'whole'],
    ['bytes=1.5-2', 'whole'],
    ['bytes= 0 - 1', 'whole'],
    ['bytes 0-1', 'whole'],
    ['items=0-1', 'whole'],
    ['bytes=0-1,x', 'whole'],
  ];
  for (const [header, expected] of rows) assert.equal(shown(header), expected, header);
});

test('without the header, or of an empty blob, the whole is sent', () => {
  assert.deepEqual(parseRange(undefined, SIZE), { kind: 'whole' });
  assert.deepEqual(parseRange('bytes=0-', 0), { kind: 'whole' });
  assert.deepEqual(parseRange('bytes=-5', 0), { kind: 'whole' });
});

test('as many ranges as podman asks for are served, more are not', () => {
  const ask = (count: number) => {
    const specs = Array.from({ length: count }, (_, i) => `${i * 10}-${i * 10 + 5}`);
    return parseRange(`bytes=${specs.join(',')}`, 1e9);
  };

  const most = ask(1024);
  const tooMany = ask(1025);

  assert.equal(most.kind === 'ranges' && most.ranges.length, 1024);
  assert.equal(tooMany.kind, 'whole');
});

test('no set of ranges yields more bytes than the blob has', () => {
  const header = `bytes=${'0-,'.repeat(1000)}`;

  assert.deepEqual(parseRange(header, SIZE), { kind: 'ranges', ranges: [{ start: 0, end: 2047 }] });
});

test('a chunk says where it belongs', () => {
  for (const header of ['0-9', 'bytes 0-9/*', 'bytes 0-9/100', 'bytes=0-9', 'Bytes 0-9']) {
    assert.deepEqual(parseContentRange(header), { start: 0, end: 9 }, header);
  }
  assert.equal(parseContentRange(undefined), undefined);
  assert.equal(parseContentRange(''), undefined);
});

test('a chunk that belongs nowhere is refused', () => {
  const rows: [header: string, code: string][] = [
    ['9-0', 'BLOB_UPLOAD_INVALID'],
    ['0-99999999999999999999', 'BLOB_UPLOAD_INVALID'],
    ['99999999999999999999-99999999999999999999', 'BLOB_UPLOAD_INVALID'],
    ['0-', 'BLOB_UPLOAD_INVALID'],
    ['-9', 'BLOB_UPLOAD_INVALID'],
    ['0--1', 'BLOB_UPLOAD_INVALID'],
    ['bytes */100', 'BLOB_UPLOAD_INVALID'],
    ['a-b', 'BLOB_UPLOAD_INVALID'],
    ['0-9,10-19', 'BLOB_UPLOAD_INVALID'],
    ['0-9\n', 'BLOB_UPLOAD_INVALID'],
    [' 0-9', 'BLOB_UPLOAD_INVALID'],
  ];
  for (const [header, code] of rows) assert.throws(() => parseContentRange(header), { code });
});

test('If-None-Match compares weakly, in a list, and knows the star', () => {
  const digest = digestOf('content');
  const rows: [header: string | undefined, matches: boolean][] = [
    [`"${digest}"`, true],
    [`W/"${digest}"`, true],
    [digest, true],
    [`"other" , "${digest}"`, true],
    ['*', true],
    [undefined, false],
    ['', false],
    ['"other"', false],
    ['"*"', false],
    [`"${digest}x"`, false],
    [`w/"${digest}"`, false],
    [`"${digestOf('other')}"`, false],
  ];
  for (const [header, matches] of rows) {
    assert.equal(matchesEtag(header, digest), matches, `${header}`);
  }
});

function shown(header: string): string {
  const answer = parseRange(header, SIZE);
  if (answer.kind === 'unsatisfiable') return '416';
  if (answer.kind === 'whole') return 'whole';
  return answer.ranges.map(({ start, end }) => `${start}-${end}`).join(' ');
}
