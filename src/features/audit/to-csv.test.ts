import assert from 'node:assert/strict';
import { test } from 'node:test';

import { toCsvLine } from './to-csv.ts';

const CELLS: [value: string | number, cell: string][] = [
  ['', '""'],
  [7, '"7"'],
  ['team/app:v1', '"team/app:v1"'],
  ['a "word", or two', '"a ""word"", or two"'],
  ['two\nlines', '"two\nlines"'],
  ['=HYPERLINK("http://a")', `"'=HYPERLINK(""http://a"")"`],
  ['+1', `"'+1"`],
  ['-1', `"'-1"`],
  ['@SUM(A1)', `"'@SUM(A1)"`],
  ['\t=1', `"'\t=1"`],
  ['\r=1', `"'\r=1"`],
  ['\n=1', `"'\n=1"`],
  ['a=1', '"a=1"'],
];

test('no cell is a formula, and none ends before its end', () => {
  for (const [value, cell] of CELLS) {
    assert.equal(toCsvLine([value, 'x']), `${cell},"x"\r\n`, JSON.stringify(value));
  }
});
