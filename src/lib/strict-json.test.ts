import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseStrictJson, StrictJsonError } from './strict-json.ts';

const parse = (text: string) => parseStrictJson(Buffer.from(text));

test('ordinary JSON is what JSON.parse makes of it', () => {
  for (const text of [
    'null',
    ' [1, -2.5e3, "a", true, {}] ',
    '{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}',
    '{"a":"a","b":"a\\"b","\\"a":"{","c\\\\":"\\\\"}',
    '{"A":1,"a":2,"ä":3,"":4}',
    '{"constructor":1,"toString":2,"hasOwnProperty":3}',
    '"\\ud83d\\ude00 😀"',
    JSON.stringify(Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`k${i}`, i]))),
  ]) {
    assert.deepEqual(parse(text), JSON.parse(text));
  }
});

test('what two readers could understand differently is refused, with its place', () => {
  const many = Array.from({ length: 50 }, (_, i) => `"k${i}":1`).join();
  const rows: [text: string, says: RegExp, offset: number][] = [
    ['{"a":1,"a":1}', /the key "a" twice/, 7],
    ['[{"x":{"a":1, "a":1}}]', /the key "a" twice/, 14],
    ['{"a":1,"\\u0061":2}', /the key "a" twice/, 7],
    ['{"a":[{}],"b":{"a":1},"a":2}', /the key "a" twice/, 22],
    ['{"":1,"":2}', /the key "" twice/, 6],
    [`{${many},"k3":1}`, /the key "k3" twice/, many.length + 2],
    ['{"a":{"__proto__":{}}}', /__proto__/, 6],
    ['{"__pr\\u006fto__":1}', /__proto__/, 1],
    ['{"\\ud800":1}', /half a surrogate pair/, 1],
    ['\ufeff{}', /byte order mark/, 0],
  ];
  for (const [text, says, offset] of rows) {
    assert.throws(() => parse(text), { message: says, offset });
  }
});

test('what is no JSON is refused', () => {
  const texts = ['', '{', '{"a":1', '{"a":1}}', '[1,]', '{"a" 1}', '{"\\x":1}', '"a', '"a\\'];
  texts.push("{'a':1}", '[1] //', 'nul', 'NaN', ']', '[}', '{]', '01', '"\t"', '{"a"}', '{1:2}');
  for (const text of texts) {
    assert.throws(() => parse(text), StrictJsonError, text);
    assert.throws(() => parse(text), { message: /^not valid JSON/ }, text);
  }
});

test('in a long text the place of the mistake is told', () => {
  const text = `{"a":"${'x'.repeat(1000)}",}`;

  assert.throws(() => parse(text), { offset: text.length - 1 });
});

test('invalid UTF-8 is refused', () => {
  for (const bytes of [
    [0x22, 0xff, 0x22],
    [0x22, 0xc0, 0xaf, 0x22],
    [0x22, 0xed, 0xa0, 0x80, 0x22],
  ]) {
    assert.throws(() => parseStrictJson(Uint8Array.from(bytes)), { message: /not valid UTF-8/ });
  }
});

test('depth, number of values and of different keys have limits', () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
  const bytes = Buffer.from('[1,2,{"a":3}]');

  assert.doesNotThrow(() => parse(nested(64)));
  assert.throws(() => parse(nested(65)), { message: /deeper than 64 levels/, offset: 64 });
  assert.doesNotThrow(() => parseStrictJson(bytes, { maxValues: 6 }));
  assert.throws(() => parseStrictJson(bytes, { maxValues: 3 }), { message: /more than 3 values/ });
  assert.throws(
    () => parseStrictJson(Buffer.from('[{"a":1},{"b":1,"\\u0061":1}]'), { maxDistinctKeys: 2 }),
    {
      message: /more than 2 different keys/,
    },
  );
  assert.throws(() => parseStrictJson(bytes, { maxDepth: 1 }), { message: /deeper than 1 level/ });
});
