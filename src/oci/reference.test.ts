import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findRepositoryName, parseReference, parseRepositoryName, parseTag } from './reference.ts';

test('the first segment of a repository name is its project', () => {
  const rows: [name: string, project: string, path: string][] = [
    ['library/debian', 'library', 'debian'],
    ['team/tools/app', 'team', 'tools/app'],
    ['a/b', 'a', 'b'],
    ['0/1', '0', '1'],
    ['a.b_c__d-e---f/g', 'a.b_c__d-e---f', 'g'],
    ['team/blobs/uploads', 'team', 'blobs/uploads'],
    ['team/manifests', 'team', 'manifests'],
    [`p/${'x'.repeat(253)}`, 'p', 'x'.repeat(253)],
  ];
  for (const [name, project, path] of rows) {
    assert.deepEqual(parseRepositoryName(name), { name, project, path });
  }
});

test('a name outside the grammar is refused with what is wrong', () => {
  const rows: [name: string, says: RegExp][] = [
    ['', /segments/],
    ['/', /segments/],
    ['debian', /needs a project before it, such as library\/debian/],
    ['Library/Debian', /lower case/],
    ['a//b', /segments/],
    ['/a/b', /segments/],
    ['a/b/', /segments/],
    ['a/../b', /segments/],
    ['a/.', /segments/],
    ['a/b..c', /segments/],
    ['a/b___c', /segments/],
    ['a/b_.c', /segments/],
    ['a/-b', /segments/],
    ['a/b-', /segments/],
    ['a/b c', /segments/],
    ['a/b\n', /segments/],
    ['a/b%2fc', /segments/],
    ['a/b:c', /segments/],
    ['a/b@c', /segments/],
    ['a/ü', /segments/],
    ['a/\u0000', /segments/],
    ['a\\b', /segments/],
    ['__proto__/x', /segments/],
    [`p/${'x'.repeat(254)}`, /longer than 255/],
    [`${'a-'.repeat(1_000_000)}`, /longer than 255/],
  ];
  for (const [name, says] of rows) {
    assert.equal(findRepositoryName(name), undefined);
    assert.throws(() => parseRepositoryName(name), { code: 'NAME_INVALID', message: says });
  }
});

test('a tag is 1 to 128 characters and begins with a letter, a digit or "_"', () => {
  for (const tag of ['latest', '1.0', '_', 'A-b.C_d', '0', 'x'.repeat(128)]) {
    assert.equal(parseTag(tag), tag);
  }
  for (const tag of [
    '',
    '.',
    '-a',
    '..',
    'a b',
    'a/b',
    'a+b',
    'ü',
    'a\n',
    'a\u0000',
    'x'.repeat(129),
  ]) {
    assert.throws(() => parseTag(tag), { code: 'TAG_INVALID', status: 400 });
  }
});

test('a reference with a colon is a digest, any other a tag', () => {
  const digest = `sha256:${'a'.repeat(64)}`;

  assert.deepEqual(parseReference(digest), { digest });
  assert.deepEqual(parseReference('latest'), { tag: 'latest' });
  assert.deepEqual(parseReference('sha256'), { tag: 'sha256' });
  assert.throws(() => parseReference('sha256:bad'), { code: 'DIGEST_INVALID' });
  assert.throws(() => parseReference('a:b'), { code: 'DIGEST_INVALID' });
  assert.throws(() => parseReference('.hidden'), { code: 'TAG_INVALID' });
  assert.throws(() => parseReference(''), { code: 'TAG_INVALID' });
});
