import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Refusal } from './errors.ts';
import { parseConditions, parseSort } from './list-query.ts';

const READ: [q: string | undefined, conditions: object[]][] = [
  [undefined, []],
  ['', []],
  ['name=app', [{ key: 'name', is: 'equal', value: 'app' }]],
  ['Name=app', [{ key: 'name', is: 'equal', value: 'app' }]],
  ['CreationTime=1', [{ key: 'creationtime', is: 'equal', value: '1' }]],
  ['creation_time=1', [{ key: 'creationtime', is: 'equal', value: '1' }]],
  ['name=a=b', [{ key: 'name', is: 'equal', value: 'a=b' }]],
  ['name=\\~app', [{ key: 'name', is: 'equal', value: '~app' }]],
  ['name=~App', [{ key: 'name', is: 'containing', text: 'App' }]],
  ['name=%7Eapp', [{ key: 'name', is: 'containing', text: 'app' }]],
  ['name=100%', [{ key: 'name', is: 'equal', value: '100%' }]],
  ['name=robot$a+b', [{ key: 'name', is: 'equal', value: 'robot$a+b' }]],
  ['id=[1~2]', [{ key: 'id', is: 'between', min: '1', max: '2' }]],
  ['id=[1~]', [{ key: 'id', is: 'between', min: '1', max: undefined }]],
  [
    'op_time=[~2026-01-02 03:04:05]',
    [{ key: 'optime', is: 'between', min: undefined, max: '2026-01-02 03:04:05' }],
  ],
  ['name={a "b c" \'d\'}', [{ key: 'name', is: 'anyOf', values: ['a', 'b c', 'd'] }]],
  ['labels=(1 2)', [{ key: 'labels', is: 'allOf', values: ['1', '2'] }]],
  [
    'a=1,b=~2',
    [
      { key: 'a', is: 'equal', value: '1' },
      { key: 'b', is: 'containing', text: '2' },
    ],
  ],
];

for (const [q, conditions] of READ) {
  test(`q ${q} is read`, () => assert.deepEqual(parseConditions(q), conditions));
}

const MALFORMED = [
  'name',
  '=a',
  'name=',
  'a=1,',
  'a=[1]',
  'a=[~]',
  'a=[1~2~3]',
  'a=[1~2',
  'a={}',
  'a=(',
  'a=~',
];

for (const q of [...MALFORMED, Array.from({ length: 65 }, () => 'a=1').join(',')]) {
  test(`q ${q.slice(0, 20)} is refused`, () => {
    assert.throws(
      () => parseConditions(q),
      (error: unknown) => error instanceof Refusal && error.code === 'BAD_REQUEST',
    );
  });
}

test('sort is read, and what says nothing is left out', () => {
  assert.deepEqual(parseSort('name,-Creation_Time, ,-'), [
    { key: 'name', isDescending: false },
    { key: 'creationtime', isDescending: true },
  ]);
  assert.deepEqual(parseSort(undefined), []);
});
